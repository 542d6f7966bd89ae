// The menu: theme, size, wrapping and indentation, which are this browser's own and not shared.
import { indentUnit } from "@codemirror/language";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { codeTheme } from "./codetheme";
import { byId } from "./dom";
import { recall, remember } from "./storage";

const NARROW = 700;

const INDENTS: Record<string, { unit: string; size: number }> = {
    "2": { unit: "  ", size: 2 },
    "4": { unit: "    ", size: 4 },
    "8": { unit: "        ", size: 8 },
    tab: { unit: "\t", size: 4 },
};

const theme = new Compartment();
const wrapping = new Compartment();
const indenting = new Compartment();

const wraps = (): boolean => recall<unknown>("wrap", innerWidth < NARROW) === true;
const wrapExtension = (): Extension => (wraps() ? EditorView.lineWrapping : []);

function indentName(): string {
    const name = String(recall<unknown>("indent", "2"));
    return name in INDENTS ? name : "2";
}

function indentExtension(): Extension {
    const { unit, size } = INDENTS[indentName()]!;
    return [indentUnit.of(unit), EditorState.tabSize.of(size)];
}

export const settingsExtension = (): Extension => [
    theme.of(codeTheme()),
    wrapping.of(wrapExtension()),
    indenting.of(indentExtension()),
];

function setUpTheme(view: EditorView): void {
    const wish = recall<string>("theme", "system");
    for (const input of document.querySelectorAll<HTMLInputElement>('input[name="theme"]')) {
        input.checked = input.value === (wish === "light" || wish === "dark" ? wish : "system");
        input.addEventListener("change", () => {
            remember("theme", input.value);
            dispatchEvent(new CustomEvent("bytecrowds:settheme"));
        });
    }
    addEventListener("bytecrowds:theme", () => view.dispatch({ effects: theme.reconfigure(codeTheme()) }));
}

function setUpEditing(view: EditorView): void {
    const wrap = byId<HTMLInputElement>("wrap");
    wrap.checked = wraps();
    wrap.addEventListener("change", () => {
        remember("wrap", wrap.checked);
        view.dispatch({ effects: wrapping.reconfigure(wrapExtension()) });
    });
    const indent = byId<HTMLSelectElement>("indent");
    indent.value = indentName();
    indent.addEventListener("change", () => {
        remember("indent", indent.value);
        view.dispatch({ effects: indenting.reconfigure(indentExtension()) });
    });
    const size = byId<HTMLSelectElement>("size");
    const apply = () => document.documentElement.style.setProperty("--code-size", `${size.value}px`);
    // Phones zoom into what has smaller letters than 16 px as soon as it is touched.
    const usual = matchMedia("(pointer: coarse)").matches ? "16" : "15";
    size.value = String(recall<unknown>("size", usual));
    if (!size.value) size.value = usual;
    apply();
    size.addEventListener("change", () => {
        remember("size", size.value);
        apply();
        view.requestMeasure();
    });
}

function setUpMenu(): void {
    const button = byId<HTMLButtonElement>("menu-button");
    const menu = byId("menu");
    const open = (on: boolean): void => {
        menu.hidden = !on;
        button.setAttribute("aria-expanded", String(on));
    };
    button.addEventListener("click", () => {
        open(menu.hasAttribute("hidden"));
        if (!menu.hidden) menu.querySelector<HTMLElement>("input:checked, input, select")?.focus();
    });
    document.addEventListener("pointerdown", (event) => {
        if (!menu.hidden && event.target instanceof Node && !menu.contains(event.target) && !button.contains(event.target)) open(false);
    });
    menu.addEventListener("focusout", (event) => {
        if (event.relatedTarget instanceof Node && !menu.contains(event.relatedTarget) && event.relatedTarget !== button) open(false);
    });
    document.addEventListener("keydown", (event) => {
        if (event.key !== "Escape" || menu.hidden) return;
        open(false);
        button.focus();
    });
}

export function setUpSettings(view: EditorView): void {
    setUpTheme(view);
    setUpEditing(view);
    setUpMenu();
}
