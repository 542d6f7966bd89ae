// What the bar and the menu say about who is signed in and who may open this. The dialogs behind it are loaded
// when somebody first wants one.
import { type Access, type Account, askAccess, askSession, UNKNOWN } from "./access";
import { byId, say } from "./dom";
import type { People } from "./people";

type Dialogs = typeof import("./dialogs");

export class Sharing {
    access: Access = UNKNOWN;
    private renewed = false;

    constructor(
        readonly name: string, // "" for those who watch by a read-only link
        private readonly people: People,
        readonly done: () => void,
    ) {
        const on = (id: string, call: (dialogs: Dialogs) => void): void =>
            document.getElementById(id)?.addEventListener("click", () => void this.dialogs(call));
        for (const id of ["account", "account-row"]) on(id, (d) => d.openAccount(this));
        for (const id of ["access", "access-row", "restricted"]) on(id, (d) => d.openAccess(this));
        people.explainName = () => void this.dialogs((d) => d.openAccount(this));
        void this.learn();
    }

    // What a callback URL may be made of: without the token of a read-only link, which no server is to see.
    get back(): string {
        return location.pathname;
    }

    async learn(): Promise<void> {
        if (!this.name) return this.show({ ...UNKNOWN, user: await askSession() });
        const access = await askAccess(this.name);
        if (!access) return;
        this.show(access);
        // A session that is used goes on.
        if (access.user && !this.renewed) void askSession();
        this.renewed ||= access.user !== null;
    }

    show(access: Access): void {
        this.access = access;
        const { signIn, user, restricted } = access;
        const shown = user !== null || signIn.length > 0;
        const label = user ? user.name : "Sign in";
        for (const id of ["account", "account-row"]) {
            byId(id).hidden = !shown;
            byId(id).classList.toggle("known", user !== null);
            byId(id).querySelector("span")!.textContent = label;
        }
        byId("account").title = user ? accountTitle(user) : "Sign in";
        byId("account").setAttribute("aria-label", byId("account").title);
        document.getElementById("restricted")?.toggleAttribute("hidden", !restricted);
        this.people.identify(user);
    }

    async dialogs(call: (dialogs: Dialogs) => void): Promise<void> {
        try {
            call(await import("./dialogs"));
        } catch {
            say("That part of the page could not be loaded. Try again, or reload the page.", 5000);
        }
    }
}

const accountTitle = ({ name, email }: Account): string => `Your account: ${name}${email ? ` (${email})` : ""}`;
