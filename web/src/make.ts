// Elements with their properties and children in one go, for what is not in the page from the beginning.

type Child = Node | string | false | null | undefined;

export function make<K extends keyof HTMLElementTagNameMap>(tag: K, properties: Partial<HTMLElementTagNameMap[K]> = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
    const e = Object.assign(document.createElement(tag), properties);
    e.append(...children.filter((c): c is Node | string => Boolean(c)));
    return e;
}

// Does `work` when its button is pressed, once at a time, and shows in `wrong` why it failed.
export function working(wrong: HTMLElement, work: () => Promise<void>, button?: HTMLButtonElement): (event: Event) => Promise<void> {
    let busy = false;
    return async (event) => {
        event.preventDefault();
        if (busy) return;
        busy = true;
        const pressed = button ?? (event.currentTarget as HTMLElement | null);
        pressed?.setAttribute("aria-busy", "true");
        wrong.hidden = true;
        try {
            await work();
        } catch (error) {
            wrong.textContent = error instanceof Error ? error.message : String(error);
            wrong.hidden = false;
        } finally {
            busy = false;
            pressed?.removeAttribute("aria-busy");
        }
    };
}
