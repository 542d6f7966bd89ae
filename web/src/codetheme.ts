// The editor's looks. Every color is a variable of style.css, so that a change of theme needs no new
// editor state; only CodeMirror's own light and dark defaults are switched besides.
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import type { Extension } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { tags as t } from "@lezer/highlight";

const highlight = HighlightStyle.define([
    { tag: [t.keyword, t.modifier, t.controlKeyword, t.operatorKeyword, t.definitionKeyword, t.moduleKeyword], color: "var(--c-keyword)" },
    { tag: [t.string, t.special(t.string), t.character, t.attributeValue], color: "var(--c-string)" },
    { tag: [t.regexp, t.escape, t.special(t.brace)], color: "var(--c-special)" },
    { tag: [t.number, t.bool, t.null, t.atom, t.unit, t.color], color: "var(--c-number)" },
    { tag: [t.comment, t.lineComment, t.blockComment, t.docComment], color: "var(--c-comment)", fontStyle: "italic" },
    { tag: [t.function(t.variableName), t.function(t.propertyName), t.labelName, t.macroName], color: "var(--c-function)" },
    { tag: [t.typeName, t.className, t.namespace, t.tagName, t.standard(t.typeName)], color: "var(--c-type)" },
    { tag: [t.propertyName, t.attributeName], color: "var(--c-property)" },
    { tag: [t.self, t.special(t.variableName), t.standard(t.variableName)], color: "var(--c-special)" },
    { tag: [t.operator, t.punctuation, t.bracket, t.separator, t.derefOperator], color: "var(--c-punctuation)" },
    { tag: [t.meta, t.processingInstruction, t.annotation, t.documentMeta], color: "var(--c-meta)" },
    { tag: t.heading, color: "var(--c-keyword)", fontWeight: "700" },
    { tag: [t.link, t.url], color: "var(--c-function)", textDecoration: "underline" },
    { tag: t.emphasis, fontStyle: "italic" },
    { tag: t.strong, fontWeight: "700" },
    { tag: t.strikethrough, textDecoration: "line-through" },
    { tag: t.monospace, color: "var(--c-string)" },
    { tag: t.quote, color: "var(--c-comment)" },
    { tag: t.inserted, color: "var(--c-string)" },
    { tag: [t.deleted, t.invalid], color: "var(--c-invalid)" },
]);

const layout = {
    "&": { color: "var(--ink)", backgroundColor: "var(--paper)", height: "100%", fontSize: "var(--code-size)" },
    "&.cm-focused": { outline: "none" },
    ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.6", overscrollBehavior: "contain" },
    ".cm-content": { padding: "14px 0 40vh", caretColor: "var(--accent)" },
    ".cm-line": { padding: "0 16px 0 8px" },
    ".cm-cursor, .cm-dropCursor": { borderLeft: "2px solid var(--accent)", marginLeft: "-1px" },
    "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { background: "var(--selection)" },
    ".cm-gutters": { backgroundColor: "var(--paper)", color: "var(--faint)", border: "none", paddingLeft: "6px" },
    ".cm-lineNumbers .cm-gutterElement": { padding: "0 6px 0 8px", minWidth: "2.6em" },
    ".cm-foldGutter .cm-gutterElement": { width: "1.1em", opacity: "0", transition: "opacity .15s" },
    ".cm-gutters:hover .cm-foldGutter .cm-gutterElement": { opacity: "1" },
    ".cm-activeLine": { backgroundColor: "var(--active-line)" },
    ".cm-activeLineGutter": { backgroundColor: "transparent", color: "var(--muted)" },
    "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--match)", outline: "1px solid var(--match-line)" },
    "&.cm-focused .cm-nonmatchingBracket": { backgroundColor: "transparent", color: "var(--c-invalid)" },
    ".cm-selectionMatch": { backgroundColor: "var(--match)" },
    ".cm-searchMatch": { backgroundColor: "var(--found)", borderRadius: "2px" },
    ".cm-searchMatch-selected": { backgroundColor: "var(--found-now)" },
    ".cm-foldPlaceholder": { background: "var(--panel)", border: "1px solid var(--line)", color: "var(--muted)", padding: "0 6px" },
    ".cm-placeholder": { color: "var(--faint)" },
    ".cm-specialChar": { color: "var(--c-invalid)" },
    ".cm-return": { color: "var(--faint)" },
    ".cm-panels": { backgroundColor: "var(--panel)", color: "var(--ink)" },
    ".cm-panels.cm-panels-top": { borderBottom: "1px solid var(--line)" },
    ".cm-panels.cm-panels-bottom": { borderTop: "1px solid var(--line)" },
    ".cm-tooltip": { backgroundColor: "var(--raised)", color: "var(--ink)", border: "1px solid var(--line)", borderRadius: "8px", boxShadow: "var(--shadow)", overflow: "hidden" },
    ".cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)" },
    ".cm-tooltip-autocomplete > ul > li": { padding: "3px 10px" },
    ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
    ".cm-panel.cm-search": { padding: "8px 40px 8px 12px", fontFamily: "var(--sans)" },
    ".cm-panel.cm-search label": { fontSize: "13px", display: "inline-flex", alignItems: "center", gap: "4px" },
    ".cm-panel.cm-search [name=close]": { fontSize: "20px", top: "6px", right: "8px", width: "28px", height: "28px", cursor: "pointer", color: "var(--muted)" },
    ".cm-textfield": { backgroundColor: "var(--paper)", color: "var(--ink)", border: "1px solid var(--line-strong)", borderRadius: "6px", padding: "4px 8px", fontSize: "13px" },
    ".cm-button": { background: "var(--raised)", color: "var(--ink)", border: "1px solid var(--line-strong)", borderRadius: "6px", padding: "4px 10px", fontSize: "13px", cursor: "pointer" },
};

const light = EditorView.theme(layout, { dark: false });
const dark = EditorView.theme(layout, { dark: true });

export const codeTheme = (): Extension => (document.documentElement.dataset.theme === "dark" ? dark : light);

export const codeColors: Extension = syntaxHighlighting(highlight);
