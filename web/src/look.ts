// How the editor looks: colours come from the page's variables, so both themes are one.
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags as t } from "@lezer/highlight";

const theme = EditorView.theme({
    "&": { height: "100%", color: "var(--ink)", backgroundColor: "var(--paper)", fontSize: "15px" },
    "&.cm-focused": { outline: "none" },
    ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.6" },
    ".cm-content": { caretColor: "var(--accent)", padding: "14px 0" },
    ".cm-cursor": { borderLeftColor: "var(--accent)", borderLeftWidth: "2px" },
    ".cm-gutters": { backgroundColor: "var(--paper)", color: "var(--faint)", border: "none", paddingLeft: "6px" },
    ".cm-activeLine": { backgroundColor: "var(--line)" },
    ".cm-activeLineGutter": { backgroundColor: "var(--line)", color: "var(--ink)" },
    "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--selection)" },
    ".cm-matchingBracket": { backgroundColor: "var(--match)", outline: "none" },
    ".cm-panels": { backgroundColor: "var(--bar)", color: "var(--ink)", borderColor: "var(--edge)" },
    ".cm-textfield, .cm-button": { background: "var(--paper)", color: "var(--ink)", border: "1px solid var(--edge)", borderRadius: "6px" },
    ".cm-tooltip": { backgroundColor: "var(--bar)", color: "var(--ink)", border: "1px solid var(--edge)", borderRadius: "8px" },
    ".cm-ySelectionInfo": { fontFamily: "var(--sans)", fontSize: "11px", fontWeight: "600", padding: "1px 6px", borderRadius: "5px 5px 5px 0", color: "#fff", transitionDelay: "0s" },
    ".cm-ySelectionCaret > .cm-ySelectionInfo": { opacity: "1" },
});

const colors = HighlightStyle.define([
    { tag: [t.keyword, t.modifier, t.operatorKeyword, t.controlKeyword], color: "var(--s-keyword)" },
    { tag: [t.string, t.special(t.string), t.regexp], color: "var(--s-string)" },
    { tag: [t.number, t.bool, t.null, t.atom, t.literal], color: "var(--s-number)" },
    { tag: [t.comment, t.lineComment, t.blockComment, t.docComment], color: "var(--s-comment)", fontStyle: "italic" },
    { tag: [t.function(t.variableName), t.function(t.propertyName), t.function(t.definition(t.variableName))], color: "var(--s-function)" },
    { tag: [t.typeName, t.className, t.namespace, t.tagName], color: "var(--s-type)" },
    { tag: [t.propertyName, t.attributeName], color: "var(--s-property)" },
    { tag: [t.meta, t.annotation, t.processingInstruction], color: "var(--s-comment)" },
    { tag: t.heading, color: "var(--s-function)", fontWeight: "700" },
    { tag: t.strong, fontWeight: "700" },
    { tag: t.emphasis, fontStyle: "italic" },
    { tag: [t.link, t.url], color: "var(--s-string)", textDecoration: "underline" },
    { tag: t.invalid, color: "var(--bad)" },
]);

export const look = [theme, syntaxHighlighting(colors)];
