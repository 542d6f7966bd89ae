// The page with one button for each provider.
import { type Account, askProviders, askSession, type SignIn } from "./access";
import { wayBack } from "./address";
import { signIn, signOut, who } from "./api";
import { byId } from "./dom";
import { make, working } from "./make";

const back = wayBack(location.search, location.origin);
const wrong = byId("problem");

const button = (text: string, className: string, call: () => Promise<void>): HTMLElement =>
    make("button", { type: "button", className, onclick: working(wrong, call) }, text);

function content(providers: SignIn[] | null, user: Account | null): HTMLElement[] {
    if (!providers) return [make("p", {}, "The server does not answer. Reload this page to try again.")];
    if (user)
        return [
            make("p", {}, `You are signed in as ${who(user)}.`),
            make("a", { href: back, className: "big" }, "Go on →"),
            make("div", { className: "providers" }, button("Use another account", "", () => signOut(location.pathname + location.search))),
        ];
    if (!providers.length) return [make("p", {}, "Signing in is switched off on this server.")];
    return [make("div", { className: "providers" }, ...providers.map((p) => button(`Sign in with ${p.name}`, "main", () => signIn(p.id, back))))];
}

void Promise.all([askProviders(), askSession()]).then(([providers, user]) => byId("way").replaceChildren(...content(providers, user)));
addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
});
