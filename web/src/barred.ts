// In place of the text, when the server does not let somebody in, or no longer.
import type { Address } from "./address";
import { byId } from "./dom";
import type { Status } from "./provider";
import type { Sharing } from "./sharing";
import { sentence } from "./words";

export interface Words {
    title: string;
    text: string;
}

export function barredWords(address: Address, { reason, unsaved }: Pick<Status, "reason" | "unsaved">): Words {
    if (address.watching && !address.token)
        return { title: "This link is not complete", text: "The key of a read-only link stands behind its #, and there is none, or only a part of one. Ask for the whole link." };
    if (address.watching)
        return { title: "This link doesn’t work any more", text: `${sentence(reason) || "It was revoked."} Who gave it to you can make a new one.` };
    const lost = unsaved ? " What you wrote last has not reached anybody: keep a copy of what you need." : "";
    return { title: "You can’t go on here", text: (sentence(reason) || "This bytecrowd is for certain people only, and you are not, or no longer, one of them.") + lost };
}

export async function showBarred(address: Address, status: Status, sharing: Sharing, download: () => void): Promise<void> {
    const { title, text } = barredWords(address, status);
    const button = (id: string, shown: boolean, call: () => void): void => {
        byId(id).hidden = !shown;
        byId(id).onclick = call;
    };
    byId("editor").hidden = true;
    byId("barred").hidden = false;
    byId("barred-title").textContent = title;
    byId("barred-text").textContent = text;
    button("barred-keep", status.loaded, download);
    button("barred-retry", !address.watching || address.token !== "", () => location.reload());
    byId("barred-title").focus();
    for (const id of ["access", "access-row", "restricted"]) document.getElementById(id)?.remove();
    if (address.watching) return;
    // The session may have ended since the page was opened.
    await sharing.learn();
    const { signIn, user } = sharing.access;
    if (!signIn.length) return;
    byId("barred-who").textContent = user ? `You are signed in as ${user.email || user.name}.` : "";
    byId("barred-signin").textContent = user ? "Use another account" : "Sign in";
    button("barred-signin", true, () => void sharing.dialogs((d) => (user ? d.openAccount(sharing) : d.startSignIn(sharing))));
}
