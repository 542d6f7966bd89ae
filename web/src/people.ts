// Who is here: the row of initials in the bar, and one's own name.
import type { Awareness } from "y-protocols/awareness";
import { person, type Person } from "./cursors";
import { byId, element, say } from "./dom";
import { inkOn, PERSON_MAX, randomColor, randomPerson } from "./names";
import { recall, remember } from "./storage";

// Where there are more, the last place says how many.
const shownMax = (): number => (innerWidth <= 640 ? 2 : 6);

const initials = (name: string): string => {
    const words = name.split(/\s+/).filter(Boolean);
    const letters = words.length > 1 ? [words[0], words[words.length - 1]] : [words[0]];
    return letters.map((w) => [...(w ?? "?")][0]).join("").toUpperCase();
};

export class People {
    private readonly me: { name: string; color: string };
    private readonly dialog = byId<HTMLDialogElement>("rename");
    private readonly field = byId<HTMLInputElement>("person");
    private shown = "";

    constructor(
        private readonly awareness: Awareness,
        private readonly jump: (id: number) => void,
        private readonly done: () => void,
    ) {
        this.me = this.remembered();
        this.introduce();
        awareness.on("change", this.show);
        this.dialog.addEventListener("close", this.renamed);
        addEventListener("resize", this.show);
        this.show();
    }

    private remembered(): { name: string; color: string } {
        const known = recall<Partial<Person> | null>("person", null);
        const me = { name: known?.name || randomPerson(), color: known?.color || randomColor() };
        remember("person", me);
        return me;
    }

    // Also after the page was taken as gone: that removed the whole state.
    introduce = (): void => {
        const { name, color } = this.me;
        const state = this.awareness.getLocalState() ?? {};
        this.awareness.setLocalState({ ...state, user: { name, color, colorLight: color + "33" } });
    };

    private button(p: Person): HTMLElement {
        const item = element("li");
        const button = element("button", p.self ? "self" : "", initials(p.name)) as HTMLButtonElement;
        button.type = "button";
        button.style.backgroundColor = p.color;
        button.style.color = inkOn(p.color);
        button.title = p.self ? `${p.name} (you). Change your name` : `${p.name}. Go to their cursor`;
        button.setAttribute("aria-label", button.title);
        button.addEventListener("click", () => (p.self ? this.rename() : this.jump(p.id)));
        item.append(button);
        return item;
    }

    private more(rest: Person[]): HTMLElement {
        const item = element("li");
        const button = element("button", "more", `+${rest.length}`) as HTMLButtonElement;
        const names = rest.map((p) => p.name).join(", ");
        button.type = "button";
        button.title = names;
        button.setAttribute("aria-label", `${rest.length} more: ${names}`);
        button.addEventListener("click", () => say(`Also here: ${names}`, 6000));
        item.append(button);
        return item;
    }

    private show = (): void => {
        const all = [...this.awareness.getStates()]
            .filter(([, state]) => state.user)
            .map(([id]) => person(this.awareness, id))
            .sort((a, b) => Number(b.self) - Number(a.self) || a.id - b.id);
        // Every cursor that moves comes here; the row changes with people only.
        const most = shownMax();
        const key = JSON.stringify([most, all]);
        if (key === this.shown) return;
        this.shown = key;
        const shown = all.length > most ? all.slice(0, most - 1) : all;
        const items = shown.map((p) => this.button(p));
        if (shown.length < all.length) items.push(this.more(all.slice(shown.length)));
        this.replace(items);
        const count = byId("count");
        count.textContent = all.length === 1 ? "Only you" : `${all.length} here`;
        count.title = all.map((p) => p.name).join(", ");
    };

    // Whoever is in the row by keyboard stays where they were.
    private replace(items: HTMLElement[]): void {
        const row = byId("people");
        const at = [...row.children].findIndex((item) => item.contains(document.activeElement));
        row.replaceChildren(...items);
        if (at >= 0) row.children[Math.min(at, items.length - 1)]?.querySelector("button")?.focus();
    }

    rename(): void {
        this.field.value = this.me.name;
        this.dialog.returnValue = "";
        this.dialog.showModal();
        this.field.select();
    }

    private renamed = (): void => {
        const name = [...this.field.value.trim().replace(/\s+/g, " ")].slice(0, PERSON_MAX).join("");
        if (this.dialog.returnValue === "ok" && name) {
            this.me.name = name;
            remember("person", this.me);
            this.introduce();
        }
        this.done();
    };
}
