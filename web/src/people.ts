// Who is here: the row of initials in the bar, and one's own name.
import type { Awareness } from "y-protocols/awareness";
import type { Account } from "./access";
import { person, type Person } from "./cursors";
import { byId, checkMark, element, say } from "./dom";
import { cleanName, initials, inkOn, randomColor, randomPerson, titleOf } from "./names";
import { recall, remember } from "./storage";

// Where there are more, the last place says how many.
const shownMax = (): number => (innerWidth <= 640 ? 2 : 6);

export class People {
    private readonly me: { name: string; color: string };
    private readonly dialog = byId<HTMLDialogElement>("rename");
    private readonly field = byId<HTMLInputElement>("person");
    private shown = "";
    private account: Account | null = null;
    // Who is signed in is called as their account is, and is shown that instead of the question for a name.
    explainName: () => void = () => {};

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
        // What the server tells others about somebody who is signed in; of anybody else it does not pass it on.
        const known = this.account && { ...this.account, verified: true };
        this.awareness.setLocalState({ ...state, user: { name, color, colorLight: color + "33", ...known } });
    };

    identify(account: Account | null): void {
        if (JSON.stringify(account) === JSON.stringify(this.account)) return;
        this.account = account;
        this.introduce();
    }

    private button(p: Person): HTMLElement {
        const item = element("li");
        const button = element("button", p.self ? "self" : "", initials(p.name)) as HTMLButtonElement;
        button.type = "button";
        button.style.backgroundColor = p.color;
        button.style.color = inkOn(p.color);
        const own = this.account ? "Your account" : "Change your name";
        button.title = p.self ? `${titleOf(p)} (you). ${own}` : `${titleOf(p)}. Go to their cursor`;
        button.setAttribute("aria-label", button.title);
        if (p.verified) button.append(checkMark());
        button.addEventListener("click", () => (p.self ? this.rename() : this.jump(p.id)));
        item.append(button);
        return item;
    }

    private more(rest: Person[]): HTMLElement {
        const item = element("li");
        const button = element("button", "more", `+${rest.length}`) as HTMLButtonElement;
        const names = rest.map(titleOf).join(", ");
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
        count.title = all.map(titleOf).join(", ");
    };

    // Whoever is in the row by keyboard stays where they were.
    private replace(items: HTMLElement[]): void {
        const row = byId("people");
        const at = [...row.children].findIndex((item) => item.contains(document.activeElement));
        row.replaceChildren(...items);
        if (at >= 0) row.children[Math.min(at, items.length - 1)]?.querySelector("button")?.focus();
    }

    rename(): void {
        if (this.account) return this.explainName();
        this.field.value = this.me.name;
        this.dialog.returnValue = "";
        this.dialog.showModal();
        this.field.select();
    }

    private renamed = (): void => {
        const name = cleanName(this.field.value);
        if (this.dialog.returnValue === "ok" && name) {
            this.me.name = name;
            remember("person", this.me);
            this.introduce();
        }
        this.done();
    };
}
