// The editor's page: CodeMirror on the shared text, who is here, the language, and whether it is saved.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, foldGutter, foldKeymap, indentOnInput } from "@codemirror/language";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import {
    drawSelection,
    dropCursor,
    EditorView,
    highlightActiveLine,
    highlightActiveLineGutter,
    highlightSpecialChars,
    keymap,
    lineNumbers,
    placeholder,
    rectangularSelection,
} from "@codemirror/view";
import { yCollab, ySyncAnnotation, yUndoManagerKeymap } from "y-codemirror.next";
import * as Y from "yjs";
import { readAddress } from "./address";
import { showBarred } from "./barred";
import { codeColors } from "./codetheme";
import { cursorOf, cursors } from "./cursors";
import { byId, copy, element, say } from "./dom";
import { DEFAULT_LANGUAGE, findLanguage, languages } from "./languages";
import { People } from "./people";
import { NOT_ALLOWED, Provider } from "./provider";
import { setUpSettings, settingsExtension } from "./settings";
import { Sharing } from "./sharing";
import { showState } from "./state";
import { addRecent, recall, remember } from "./storage";

// The names of the shared types are a contract with the server and with other clients.
const doc = new Y.Doc();
const text = doc.getText("bytecrowdText");
const shared = doc.getMap<unknown>("bytecrowd");

const address = readAddress(location);
const { watching } = address;
// Whoever watches is not told the name.
const name = address.watching ? "" : address.name;
const socket = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/`;
const provider = address.watching
    ? new Provider(socket + "~watch", doc, { watch: address.token })
    : new Provider(`${socket}${encodeURIComponent(name)}?receipts=1`, doc);

const language = new Compartment();
const writable = new Compartment();
const hint = new Compartment();

const locked = (on: boolean): Extension => [EditorState.readOnly.of(on), EditorView.editable.of(!on)];

// What is only looked at can still be reached by keyboard, selected and searched; the last line holds against
// whatever would change it all the same.
const watchOnly: Extension = [
    EditorView.contentAttributes.of({ tabindex: "0", "aria-label": "The text, read-only" }),
    EditorState.changeFilter.of((transaction) => Boolean(transaction.annotation(ySyncAnnotation))),
    keymap.of([...searchKeymap, ...foldKeymap, ...defaultKeymap]),
];

// Tab is for the code, so whoever moves by keyboard is told once how to get out.
function explainTab(event: KeyboardEvent): void {
    if (event.key !== "Tab" || event.ctrlKey || event.altKey || event.metaKey || recall("knows-tab", false)) return;
    remember("knows-tab", true);
    say("Tab indents. Press Esc, then Tab, to leave the text.", 5000);
}

const writing: Extension = [
    indentOnInput(),
    closeBrackets(),
    autocompletion(),
    EditorView.domEventObservers({ keydown: explainTab }),
    keymap.of([
        ...yUndoManagerKeymap,
        ...closeBracketsKeymap,
        ...completionKeymap,
        ...searchKeymap,
        ...foldKeymap,
        ...defaultKeymap,
        indentWithTab,
    ]),
    EditorView.contentAttributes.of({
        "aria-label": `The text of ${name}. Press Escape, then Tab, to leave it.`,
    }),
];

// A carriage return is part of the shared text like any other character: splitting lines at it would
// shift every position behind it against the text that others have.
const lines: Extension = [
    EditorState.lineSeparator.of("\n"),
    EditorView.clipboardInputFilter.of((pasted) => pasted.replace(/\r\n?/g, "\n")),
    highlightSpecialChars({
        render: (code, description, mark) => {
            const e = element("span", code === 13 ? "cm-return" : "cm-specialChar", code === 13 ? "␍" : (mark ?? "•"));
            e.title = description ?? "";
            return e;
        },
    }),
];

// The words of CodeMirror's search, as sentences begin elsewhere on the page.
const PHRASES = {
    next: "Next",
    previous: "Previous",
    all: "All",
    replace: "Replace",
    "replace all": "Replace all",
    "match case": "Match case",
    regexp: "Pattern",
    "by word": "Whole words",
};

const position = EditorView.updateListener.of((update) => {
    if (update.selectionSet || update.docChanged) showPosition(update.state);
});

function showPosition(state: EditorState): void {
    const { main, ranges } = state.selection;
    const line = state.doc.lineAt(main.head);
    const chosen = ranges.reduce((n, r) => n + r.to - r.from, 0);
    byId("position").textContent =
        `Ln ${line.number}, Col ${main.head - line.from + 1}` + (chosen ? ` (${chosen} selected)` : "");
}

const view = new EditorView({
    parent: byId("editor"),
    state: EditorState.create({
        extensions: [
            lines,
            lineNumbers(),
            foldGutter(),
            highlightActiveLineGutter(),
            highlightActiveLine(),
            drawSelection(),
            dropCursor(),
            EditorState.allowMultipleSelections.of(true),
            rectangularSelection(),
            bracketMatching(),
            highlightSelectionMatches(),
            search({ top: true }),
            hint.of([]),
            EditorState.phrases.of(PHRASES),
            watching ? watchOnly : writing,
            EditorView.contentAttributes.of({
                spellcheck: "false",
                autocapitalize: "off",
                autocorrect: "off",
            }),
            language.of([]),
            writable.of(locked(true)),
            settingsExtension(),
            codeColors,
            yCollab(text, null, { undoManager: new Y.UndoManager(text) }),
            cursors(provider.awareness, text),
            position,
        ],
    }),
});

// --- language ------------------------------------------------------------------------------------

const picker = byId<HTMLSelectElement>("language");
let shown = "";

async function showLanguage(): Promise<void> {
    const stored = shared.get("language");
    const wanted = findLanguage(typeof stored === "string" && stored ? stored : DEFAULT_LANGUAGE);
    if (![...picker.options].some((o) => o.value === wanted.name)) picker.add(new Option(wanted.label, wanted.name));
    picker.value = wanted.name;
    if (wanted.name === shown) return;
    shown = wanted.name;
    if (!watching) addRecent(name, wanted.label);
    try {
        const support = await wanted.load();
        if (shown === wanted.name) view.dispatch({ effects: language.reconfigure(support) });
    } catch {
        if (shown === wanted.name) shown = "";
        say("The highlighting of that language could not be loaded.");
    }
}

function setUpLanguage(): void {
    for (const l of languages) picker.add(new Option(l.label, l.name));
    picker.value = DEFAULT_LANGUAGE;
    shared.observe(() => void showLanguage());
    picker.addEventListener("change", () => shared.set("language", picker.value));
}

// --- the bar -------------------------------------------------------------------------------------

function download(): void {
    const a = document.createElement("a");
    a.href = URL.createObjectURL(new Blob([text.toString()], { type: "text/plain" }));
    const extension = findLanguage(picker.value).extension;
    const base = name || "bytecrowd";
    a.download = base.toLowerCase().endsWith(extension) ? base : base + extension;
    a.click();
    setTimeout(() => URL.revokeObjectURL(a.href), 1000);
}

function setUpWatching(): void {
    document.title = "Read-only – Bytecrowds";
    byId("name").append(element("span", "badge", "Read-only"));
    byId("name").title = "You see what is written here, and can’t change it.";
    picker.disabled = true;
    picker.title = "Language";
    for (const id of ["copy", "raw", "access", "access-row"]) byId(id).remove();
    // Another link pasted over this one changes nothing but what is behind the `#`.
    addEventListener("hashchange", () => location.reload());
}

function setUpName(): void {
    document.title = `${name} · Bytecrowds`;
    byId("name").textContent = name;
    byId("name").title = name;
    byId<HTMLAnchorElement>("raw").href = `/${encodeURIComponent(name)}/raw`;
    byId("copy").addEventListener("click", async () => {
        const link = location.origin + location.pathname;
        if (await copy(link)) return say("Link copied");
        const field = byId<HTMLInputElement>("link");
        field.value = link;
        byId<HTMLDialogElement>("by-hand").showModal();
        field.select();
    });
}

function setUpBar(): void {
    if (watching) setUpWatching();
    else setUpName();
    byId("download").addEventListener("click", download);
    byId("keep").addEventListener("click", download);
    byId("skip").addEventListener("click", (event) => {
        event.preventDefault();
        byId("state").focus();
    });
}

// --- together ------------------------------------------------------------------------------------

// A touch keyboard that opens by itself would hide half of the page.
const focusEditor = (): void => {
    if (matchMedia("(pointer: fine)").matches) view.focus();
};

function jump(id: number): void {
    const cursor = cursorOf(provider.awareness, text, id);
    if (!cursor) return say("Their cursor is not in the text.");
    const at = Math.min(cursor.head, view.state.doc.length);
    view.dispatch({ effects: EditorView.scrollIntoView(at, { y: "center" }) });
}

setUpBar();
setUpLanguage();
setUpSettings(view);
const people = new People(provider.awareness, jump, focusEditor);
const sharing = new Sharing(name, people, focusEditor);

provider.onsynced = () => void showLanguage();

// Nobody writes into a text that is not here yet, nor into one that cannot be sent any more.
let open = false;
let barred = false;
showState(provider, (status) => {
    const now = status.loaded && status.connection !== "refused";
    if (status.code === NOT_ALLOWED && !barred) {
        barred = true;
        void showBarred(address, status, sharing, download);
    }
    if (now === open) return;
    open = now;
    const empty = now ? placeholder(watching ? "Nothing is written here yet." : "Type code. Everybody on this link sees it.") : [];
    view.dispatch({ effects: [writable.reconfigure(locked(watching || !now)), hint.reconfigure(empty)] });
    if (now) focusEditor();
});

// An on-screen keyboard covers the page on some phones instead of making it smaller.
if (window.visualViewport)
    window.visualViewport.addEventListener("resize", () => {
        const { height, scale } = window.visualViewport!;
        document.body.style.height = scale === 1 && height < innerHeight - 1 ? `${height}px` : "";
        if (document.body.style.height) scrollTo(0, 0);
    });

// The others see at once that this page is gone; it may come back from the browser's cache.
addEventListener("pagehide", () => provider.awareness.setLocalState(null));
addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    people.introduce();
    provider.wake();
    void sharing.learn();
});
