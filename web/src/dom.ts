// The few things that both pages do with the page itself.

export function byId<T extends HTMLElement>(id: string): T {
    const found = document.getElementById(id);
    if (!found) throw new Error(`the page has no #${id}`);
    return found as T;
}

export function element(tag: string, className = "", text = ""): HTMLElement {
    const e = document.createElement(tag);
    if (className) e.className = className;
    if (text) e.textContent = text;
    return e;
}

let hide: ReturnType<typeof setTimeout> | undefined;

// A short message at the foot of the page.
export function say(message: string, ms = 2500): void {
    const toast = byId("toast");
    toast.textContent = message;
    toast.classList.add("shown");
    clearTimeout(hide);
    hide = setTimeout(() => toast.classList.remove("shown"), ms);
}

// Plain http has no navigator.clipboard.
function copyBySelection(value: string): boolean {
    const area = document.createElement("textarea");
    area.value = value;
    area.className = "offscreen";
    const focused = document.activeElement;
    document.body.append(area);
    area.select();
    let done = false;
    try {
        done = document.execCommand("copy");
    } catch {
        done = false;
    }
    area.remove();
    if (focused instanceof HTMLElement) focused.focus();
    return done;
}

// False: the browser refuses both ways.
export async function copy(value: string): Promise<boolean> {
    try {
        await navigator.clipboard.writeText(value);
        return true;
    } catch {
        return copyBySelection(value);
    }
}
