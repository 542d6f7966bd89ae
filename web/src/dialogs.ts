// The dialogs about accounts and access. Everything that others wrote goes into text nodes.
import type { Account } from "./access";
import { post, request, signIn, signOut } from "./api";
import css from "./dialogs.css";
import { checkMark, copy, say } from "./dom";
import { readEmails } from "./emails";
import { make, working } from "./make";
import { initials } from "./names";
import type { Sharing } from "./sharing";

document.head.append(make("style", {}, css));

let count = 0;

function modal(sharing: Sharing, title: string, className: string, content: Node[]): HTMLDialogElement {
    const id = `dialog-${++count}`;
    const close = make("button", { type: "submit", className: "close", title: "Close", ariaLabel: "Close" }, "×");
    const heading = make("h2", { id, tabIndex: -1 }, title);
    const dialog = make("dialog", { className }, heading, make("form", { method: "dialog" }, close), ...content);
    dialog.setAttribute("aria-labelledby", id);
    dialog.addEventListener("close", () => {
        dialog.remove();
        // The browser went back to the button that opened it, unless that was in the menu, which is closed.
        if (document.activeElement === document.body) sharing.done();
    });
    document.body.append(dialog);
    dialog.showModal();
    heading.focus();
    return dialog;
}

const problem = (): HTMLElement => {
    const p = make("p", { className: "problem", hidden: true });
    p.setAttribute("role", "alert");
    return p;
};

const providerButtons = (sharing: Sharing, wrong: HTMLElement): HTMLElement =>
    make("div", { className: "providers" }, ...sharing.access.signIn.map((p) =>
        make("button", { type: "button", onclick: working(wrong, () => signIn(p.id, sharing.back)) }, `Sign in with ${p.name}`)));

// --- the account -----------------------------------------------------------------------------------

// Where there is one provider only, there is nothing to choose.
export function startSignIn(sharing: Sharing): void {
    const [only, ...others] = sharing.access.signIn;
    if (!only) return say("Nobody can sign in here at the moment.");
    if (others.length) return chooseProvider(sharing);
    signIn(only.id, sharing.back).catch((error: Error) => say(error.message, 6000));
}

function chooseProvider(sharing: Sharing): void {
    const wrong = problem();
    modal(sharing, "Sign in", "", [
        make("p", { className: "small" }, "Others here then see your name with a mark that it is really you, and bytecrowds for certain people open for you."),
        providerButtons(sharing, wrong),
        wrong,
    ]);
}

export function openAccount(sharing: Sharing): void {
    const { user } = sharing.access;
    if (user) showAccount(sharing, user);
    else startSignIn(sharing);
}

function showAccount(sharing: Sharing, { name, email }: Account): void {
    const wrong = problem();
    const leave = (text: string, everywhere: boolean): HTMLElement =>
        make("button", { type: "button", onclick: working(wrong, () => signOut(sharing.back, everywhere)) }, text);
    const shown = make("b", {}, name);
    shown.append(checkMark());
    modal(sharing, "Your account", "", [
        make("div", { className: "who" }, make("i", { ariaHidden: "true" }, initials(name)), make("p", {}, shown, email && make("span", {}, email))),
        make("p", { className: "small" }, "Others here see this name, with a mark that it is really you. It comes from your account, so it can’t be changed here."),
        wrong,
        make("div", { className: "actions" }, leave("Sign out", false), leave("Sign out everywhere", true)),
    ]);
}

// --- who may open this -------------------------------------------------------------------------------

export function openAccess(sharing: Sharing): void {
    const who = make("section");
    const links = make("section");
    modal(sharing, "Access", "wide", [who, links]);
    drawWho(sharing, who);
    drawLinks(sharing, links);
    // Somebody else may have set it since the page was opened.
    const known = JSON.stringify(sharing.access);
    void sharing.learn().then(() => {
        if (JSON.stringify(sharing.access) !== known) drawWho(sharing, who);
    });
}

const people = (n: number): string => (n === 1 ? "only you" : `only these ${n} people`);

function drawWho(sharing: Sharing, section: HTMLElement): void {
    const { signIn, user, restricted } = sharing.access;
    section.hidden = !restricted && !signIn.length;
    const content = restricted ? restrictedTo(sharing) : user?.email ? restrictForm(sharing, user.email, section) : signInFirst(sharing);
    section.replaceChildren(make("h3", {}, "Who may open this"), ...content);
}

function restrictedTo({ access }: Sharing): Node[] {
    const { emails, user } = access;
    const items = emails.map((e) => make("li", {}, e, e === user?.email && make("span", {}, " (you)")));
    return [
        make("p", {}, emails.length === 1 ? "Only one person, when signed in:" : `Only these ${emails.length} people, when they are signed in:`),
        make("ul", { className: "emails", tabIndex: 0, ariaLabel: "Who may open this" }, ...items),
        make("p", { className: "small" }, "This was set once and can’t be changed here. Read-only links let others look on."),
    ];
}

function signInFirst(sharing: Sharing): Node[] {
    const wrong = problem();
    if (sharing.access.user)
        return [make("p", {}, "Everybody who has the link. To let only certain people in, you need an account with an e-mail address that is confirmed; yours has none.")];
    return [
        make("p", {}, "Everybody who has the link. To let only certain people in, sign in first: you are always one of them."),
        providerButtons(sharing, wrong),
        wrong,
    ];
}

function choice(label: string, detail: string, checked: boolean): { row: HTMLElement; input: HTMLInputElement } {
    const input = make("input", { type: "radio", name: "who", checked });
    return { input, row: make("label", { className: "choice" }, input, make("span", {}, make("b", {}, label), make("small", {}, detail))) };
}

function restrictForm(sharing: Sharing, own: string, section: HTMLElement): Node[] {
    const everybody = choice("Everybody who has the link", "They can read and write, with or without an account.", true);
    const some = choice("Only these people…", "They can read and write when they are signed in.", false);
    const wrong = problem();
    const field = make("textarea", { id: "emails", rows: 3, spellcheck: false, placeholder: "grace@example.com, Alan <alan@example.com>" });
    field.autocapitalize = "off";
    field.setAttribute("aria-describedby", "emails-note");
    const note = make("p", { id: "emails-note", className: "small" }, `You (${own}) are always one of them.`);
    const submit = make("button", { type: "submit", className: "main" });
    const chosen = () => {
        const { emails, wrong } = readEmails(field.value);
        return { emails: [own, ...emails.filter((e) => e.toLowerCase() !== own.toLowerCase())], wrong };
    };
    const show = (): void => {
        const { emails } = chosen();
        submit.textContent = `Let in ${people(emails.length)}`;
        wrong.hidden = true;
    };
    const restrict = async (): Promise<void> => {
        const { emails, wrong: not } = chosen();
        if (not.length) throw new Error(`Not an e-mail address: ${not.slice(0, 5).join(", ")}${not.length > 5 ? "…" : ""}`);
        await post("/api/authorize", { name: sharing.name, emails });
        sharing.show({ ...sharing.access, restricted: true, emails });
        drawWho(sharing, section);
        section.querySelector<HTMLElement>(".emails")?.focus();
    };
    field.addEventListener("input", show);
    show();
    const form = make("form", { className: "restrict", hidden: true },
        make("label", { htmlFor: "emails" }, "Their e-mail addresses"), field, note,
        make("p", { className: "warning" }, make("b", {}, "This is set once. "), "It can’t be changed or taken back here afterwards, and whoever is here and is not one of them is shut out at once."),
        wrong,
        make("div", { className: "actions" }, submit));
    form.addEventListener("submit", working(wrong, restrict, submit));
    everybody.input.addEventListener("change", () => { form.hidden = true; });
    some.input.addEventListener("change", () => {
        form.hidden = false;
        field.focus();
        form.scrollIntoView({ block: "nearest" });
    });
    const set = make("fieldset", {}, make("legend", { className: "offscreen" }, "Who may open this"), everybody.row, some.row);
    return [set, form];
}

// --- read-only links ---------------------------------------------------------------------------------

interface Link {
    hash: string;
    label: string;
    by: string;
    at: number;
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");

function readLinks(answer: unknown): Link[] {
    const { links } = (answer ?? {}) as { links?: unknown };
    return (Array.isArray(links) ? links : []).map((l) => ({ hash: text(l?.hash), label: text(l?.label), by: text(l?.by), at: Number(l?.at) || 0 })).filter((l) => l.hash);
}

// Asks once more before it is done, without a dialog over the dialog.
function twice(label: string, name: string, wrong: HTMLElement, done: () => Promise<void>): HTMLButtonElement {
    const button = make("button", { type: "button", ariaLabel: `${label} ${name}` }, label);
    let sure = false;
    const ask = (on: boolean): void => {
        sure = on;
        button.textContent = on ? "Really?" : label;
        button.ariaLabel = `${on ? "Really " + label.toLowerCase() : label} ${name}`;
        button.classList.toggle("sure", on);
    };
    button.addEventListener("blur", () => ask(false));
    button.addEventListener("click", (event) => (sure ? void working(wrong, done, button)(event) : ask(true)));
    return button;
}

function drawLinks(sharing: Sharing, section: HTMLElement): void {
    const url = `/api/links?name=${encodeURIComponent(sharing.name)}`;
    const wrong = problem();
    const fresh = make("div");
    const list = make("ul", { className: "links" });
    const all = make("div", { className: "all-links" });
    const label = make("input", { type: "text", maxLength: 60, placeholder: "For whom? (optional)", autocomplete: "off", ariaLabel: "For whom or what the link is (optional)" });
    const submit = make("button", { type: "submit" }, "Make a link");
    const revoke = async (hash: string): Promise<void> => {
        await request(`${url}&hash=${encodeURIComponent(hash)}`, { method: "DELETE" });
        fresh.replaceChildren();
        await load();
        label.focus();
    };
    const row = (l: Link): HTMLElement => {
        const name = l.label || "No label";
        const facts = [l.at > 0 && new Date(l.at).toLocaleDateString(undefined, { dateStyle: "medium" }), l.by].filter(Boolean).join(" · ");
        return make("li", {}, make("p", {}, make("b", {}, name), make("small", {}, facts)), twice("Revoke", `the link “${name}”`, wrong, () => revoke(l.hash)));
    };
    const load = async (): Promise<void> => {
        const links = readLinks(await (await request(url)).json());
        list.replaceChildren(...links.map(row));
        all.replaceChildren(...(links.length > 1 ? [twice("Revoke all", `${links.length} links`, wrong, () => revoke("*"))] : []));
    };
    const add = async (): Promise<void> => {
        const answer = (await (await post("/api/links", { name: sharing.name, label: label.value.trim() || undefined })).json()) as { link?: unknown };
        label.value = "";
        fresh.replaceChildren(newLink(text(answer.link)));
        await load();
    };
    const form = make("form", { className: "inline" }, label, submit);
    form.addEventListener("submit", working(wrong, add, submit));
    section.replaceChildren(
        make("h3", {}, "Read-only links"),
        make("p", {}, "Who has one sees the text as it is written, without an account, and can’t change it or find out where it is."),
        form, wrong, fresh, list, all);
    load().catch((error: Error) => {
        wrong.textContent = error.message;
        wrong.hidden = false;
    });
}

function newLink(link: string): HTMLElement {
    const field = make("input", { type: "text", readOnly: true, value: link, ariaLabel: "The new link" });
    field.addEventListener("focus", () => field.select());
    const button = make("button", { type: "button", className: "main" }, "Copy");
    button.addEventListener("click", async () => {
        const copied = await copy(link);
        if (!copied) field.focus();
        button.textContent = copied ? "Copied" : "Press Ctrl C";
    });
    const box = make("div", { className: "fresh" }, make("p", {}, "Copy it now: it is not shown again."), make("div", { className: "inline" }, field, button));
    box.setAttribute("role", "status");
    queueMicrotask(() => button.focus());
    return box;
}
