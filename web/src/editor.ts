// The editor's page: CodeMirror on the shared text, who is here, the language, and whether it is saved.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, foldGutter, foldKeymap, indentOnInput, indentUnit } from "@codemirror/language";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import {
    drawSelection, dropCursor, EditorView, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars,
    keymap, lineNumbers, placeholder, rectangularSelection,
} from "@codemirror/view";
import { yCollab, yUndoManagerKeymap } from "y-codemirror.next";
import * as Y from "yjs";
import { DEFAULT_LANGUAGE, LANGUAGES } from "./languages";
import { look } from "./look";
import { PERSON_MAX, randomColor, randomPerson } from "./names";
import { Provider, type Status } from "./provider";
import { addRecent, recall, remember } from "./storage";

const byId = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;

const name = decodeURIComponent(location.pathname.slice(1));
document.title = `${name} · Bytecrowds`;
byId("name").textContent = name;
byId<HTMLAnchorElement>("raw").href = `/${name}/raw`;

const doc = new Y.Doc();
const text = doc.getText("bytecrowdText");
const shared = doc.getMap<string>("bytecrowd");
const socket = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/${name}?receipts=1`;
const provider = new Provider(socket, doc);
const awareness = provider.awareness;

// --- me ------------------------------------------------------------------------------------------

const me = recall<{ name: string; color: string }>("person", { name: randomPerson(), color: randomColor() });

function introduce(): void {
    remember("person", me);
    awareness.setLocalStateField("user", { name: me.name, color: me.color, colorLight: me.color + "33" });
}
introduce();

// --- the editor ----------------------------------------------------------------------------------

const language = new Compartment();
const wrapping = new Compartment();
const undo = new Y.UndoManager(text);
const wraps = (on: boolean): Extension => (on ? EditorView.lineWrapping : []);

const view = new EditorView({
    parent: byId("editor"),
    state: EditorState.create({
        doc: text.toString(),
        extensions: [
            lineNumbers(), highlightActiveLineGutter(), highlightSpecialChars(), foldGutter(), drawSelection(), dropCursor(),
            EditorState.allowMultipleSelections.of(true), indentOnInput(), bracketMatching(), closeBrackets(),
            autocompletion(), rectangularSelection(), highlightActiveLine(), highlightSelectionMatches(), search({ top: true }),
            indentUnit.of("  "), placeholder("Type code. Everybody on this link sees it."),
            keymap.of([...yUndoManagerKeymap, ...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...foldKeymap, ...completionKeymap, indentWithTab]),
            language.of([]), wrapping.of(wraps(recall("wrap", innerWidth < 700))), look,
            EditorView.contentAttributes.of({ "aria-label": `Text of ${name}`, spellcheck: "false", autocapitalize: "off", autocorrect: "off" }),
            yCollab(text, awareness, { undoManager: undo }),
        ],
    }),
});
view.focus();

// --- language ------------------------------------------------------------------------------------

const picker = byId<HTMLSelectElement>("language");
for (const [key, l] of Object.entries(LANGUAGES)) picker.add(new Option(l.label, key));
let shown = "";

async function showLanguage(): Promise<void> {
    const wanted = shared.get("language");
    const key = typeof wanted === "string" && wanted in LANGUAGES ? wanted : DEFAULT_LANGUAGE;
    picker.value = key;
    if (key === shown) return;
    shown = key;
    addRecent(name, LANGUAGES[key]!.label);
    try {
        const support = await LANGUAGES[key]!.load();
        if (shown === key) view.dispatch({ effects: language.reconfigure(support) });
    } catch {
        say("That language could not be loaded.");
        shown = "";
    }
}
shared.observe(() => void showLanguage());
picker.addEventListener("change", () => shared.set("language", picker.value));
provider.onsynced = () => void showLanguage();
void showLanguage();

// --- who is here ---------------------------------------------------------------------------------

const people = byId<HTMLUListElement>("people");
const initials = (s: string): string => s.split(/\s+/).map((w) => [...w][0] ?? "").join("").slice(0, 2).toUpperCase();
const validColor = (c: unknown): string => (typeof c === "string" && /^#[0-9a-f]{6}$/i.test(c) ? c : "#666f7c");

function jumpTo(client: number): void {
    const cursor = awareness.getStates().get(client)?.cursor;
    if (!cursor) return;
    const at = Y.createAbsolutePositionFromRelativePosition(Y.createRelativePositionFromJSON(cursor.head), doc);
    if (at) view.dispatch({ effects: EditorView.scrollIntoView(Math.min(at.index, view.state.doc.length), { y: "center" }) });
}

function showPeople(): void {
    const states = [...awareness.getStates()].filter(([, s]) => s.user).sort(([a], [b]) => (a === doc.clientID ? -1 : b === doc.clientID ? 1 : a - b));
    people.replaceChildren(
        ...states.slice(0, 8).map(([client, state]) => {
            const mine = client === doc.clientID;
            const person = String(state.user.name ?? "Somebody").slice(0, PERSON_MAX);
            const item = document.createElement("li");
            const button = document.createElement("button");
            button.type = "button";
            button.textContent = initials(person);
            button.style.backgroundColor = validColor(state.user.color);
            button.title = mine ? `${person} (you): change your name` : `${person}: show where they are`;
            button.setAttribute("aria-label", button.title);
            button.addEventListener("click", () => (mine ? rename() : jumpTo(client)));
            item.append(button);
            return item;
        }),
    );
    byId("count").textContent = states.length > 8 ? `+${states.length - 8}` : "";
}
awareness.on("change", showPeople);
showPeople();

const dialog = byId<HTMLDialogElement>("rename");
const nameField = byId<HTMLInputElement>("person");

function rename(): void {
    nameField.value = me.name;
    dialog.showModal();
    nameField.select();
}
dialog.addEventListener("close", () => {
    const wanted = nameField.value.trim();
    if (dialog.returnValue === "ok" && wanted) {
        me.name = wanted.slice(0, PERSON_MAX);
        introduce();
    }
    view.focus();
});

// --- state ---------------------------------------------------------------------------------------

const SAVE_TEXT: Record<Status["save"], string> = {
    connecting: "Connecting…",
    saving: "Saving…",
    saved: "Saved",
    "store-failing": "Not saved: storage cannot be reached, retrying",
    offline: "Offline: changes are kept in this tab",
    refused: "Disconnected",
};
const state = byId("state");
const notice = byId("notice");
let later: ReturnType<typeof setTimeout> | undefined;

function show(status: Status): void {
    state.dataset.state = status.save;
    byId("state-text").textContent = SAVE_TEXT[status.save];
    notice.hidden = status.save !== "refused";
    if (status.save === "refused") notice.textContent = `The server closed the connection: ${status.reason || `code ${status.code}`}`;
}

// "Saving…" that lasts for a blink is not shown.
provider.onstatus = (status) => {
    clearTimeout(later);
    if (status.save === "saving" && state.dataset.state === "saved") later = setTimeout(() => show(provider.status), 300);
    else show(status);
};
show(provider.status);

addEventListener("online", provider.wake);
addEventListener("offline", provider.probe);
document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") provider.wake();
});
addEventListener("beforeunload", (event) => {
    if (provider.status.unsaved) event.preventDefault();
});
addEventListener("pagehide", (event) => {
    if (!event.persisted) provider.destroy();
});

// --- the bar -------------------------------------------------------------------------------------

const toast = byId("toast");
let toastTimer: ReturnType<typeof setTimeout> | undefined;

function say(message: string): void {
    toast.textContent = message;
    toast.classList.add("shown");
    clearTimeout(toastTimer);
    toastTimer = setTimeout(() => toast.classList.remove("shown"), 2500);
}

// Plain http has no navigator.clipboard.
function copyByHand(value: string): boolean {
    const area = document.createElement("textarea");
    area.value = value;
    area.style.position = "fixed";
    area.style.opacity = "0";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
}

byId("copy").addEventListener("click", async () => {
    const link = location.origin + location.pathname;
    let done = false;
    try {
        await navigator.clipboard.writeText(link);
        done = true;
    } catch {
        done = copyByHand(link);
    }
    say(done ? "Link copied" : link);
    view.focus();
});

byId("download").addEventListener("click", () => {
    const a = document.createElement("a");
    a.href = URL.createObjectURL(new Blob([text.toString()], { type: "text/plain" }));
    a.download = `${name}.${LANGUAGES[picker.value]?.extension ?? "txt"}`;
    a.click();
    setTimeout(() => URL.revokeObjectURL(a.href), 1000);
});

byId("wrap").addEventListener("click", () => {
    const on = !recall("wrap", innerWidth < 700);
    remember("wrap", on);
    byId("wrap").setAttribute("aria-pressed", String(on));
    view.dispatch({ effects: wrapping.reconfigure(wraps(on)) });
});
byId("wrap").setAttribute("aria-pressed", String(recall("wrap", innerWidth < 700)));

byId("theme").addEventListener("click", () => {
    remember("theme", document.documentElement.dataset.theme === "dark" ? "light" : "dark");
    dispatchEvent(new CustomEvent("bytecrowds:settheme"));
});
