// The page for those who are not on a bytecrowd's list: who they are, and how they may get in.
import { type Access, askAccess, askProviders, askSession, UNKNOWN } from "./access";
import { deniedName } from "./address";
import { signIn, signOut, who } from "./api";
import { byId } from "./dom";
import { make, working } from "./make";

const name = deniedName(location.search);
const path = name && `/${name}`;

// Without a name there is nobody to be let in, but still somebody to be signed in.
async function ask(): Promise<Access | null> {
    if (name) return askAccess(name);
    const [providers, user] = await Promise.all([askProviders(), askSession()]);
    return providers && { ...UNKNOWN, signIn: providers, user, restricted: true, may: "nothing" };
}

const paragraph = (text: string): HTMLElement => make("p", {}, text);

const link = (text: string, className = "big"): HTMLElement => make("a", { href: path || "/", className }, text);

function content(access: Access | null): HTMLElement[] {
    const wrong = byId("problem");
    if (!access) return [paragraph("The server can’t be asked who is signed in now."), link("Try again")];
    const { user, may } = access;
    if (may === "edit") return [paragraph(user ? `You are signed in as ${who(user)}, and may open it.` : "It can be opened now."), link("Open it →")];
    if (user)
        return [
            paragraph(`You are signed in as ${who(user)}, and ${user.email ? "this address is not on its list." : "this account has no confirmed e-mail address."}`),
            make("div", { className: "providers" },
                make("button", { type: "button", className: "main", onclick: working(wrong, () => signOut(path || "/")) }, "Use another account"),
                link("Try again", "")),
        ];
    if (!access.signIn.length) return [paragraph("Signing in is switched off on this server, so nobody can be let in now.")];
    return [
        paragraph("If you are one of them, sign in:"),
        make("div", { className: "providers" }, ...access.signIn.map((p) =>
            make("button", { type: "button", className: "main", onclick: working(wrong, () => signIn(p.id, path || "/")) }, `Sign in with ${p.name}`))),
    ];
}

byId("name").textContent = name;
byId("named").hidden = !name;
byId("unnamed").hidden = Boolean(name);
void ask().then((access) => byId("way").replaceChildren(...content(access)));
addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
});
