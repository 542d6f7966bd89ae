// The languages that can be picked, each loaded when it is first needed. The first twelve names are
// those that the original Bytecrowds stored: they must stay as they are.
import { StreamLanguage, type StreamParser } from "@codemirror/language";
import type { Extension } from "@codemirror/state";

export interface Language {
    name: string; // as stored in the document
    label: string;
    extension: string; // of a downloaded file, with the dot
    load: () => Promise<Extension>;
}

const stream = (parser: StreamParser<unknown>): Extension => StreamLanguage.define(parser);

const list: Language[] = [
    { name: "javascript", label: "JavaScript", extension: ".js", load: async () => (await import("@codemirror/lang-javascript")).javascript({ jsx: true }) },
    { name: "cpp", label: "C++", extension: ".cpp", load: async () => (await import("@codemirror/lang-cpp")).cpp() },
    { name: "html", label: "HTML", extension: ".html", load: async () => (await import("@codemirror/lang-html")).html() },
    { name: "css", label: "CSS", extension: ".css", load: async () => (await import("@codemirror/lang-css")).css() },
    { name: "json", label: "JSON", extension: ".json", load: async () => (await import("@codemirror/lang-json")).json() },
    { name: "markdown", label: "Markdown", extension: ".md", load: async () => (await import("@codemirror/lang-markdown")).markdown() },
    { name: "rust", label: "Rust", extension: ".rs", load: async () => (await import("@codemirror/lang-rust")).rust() },
    { name: "xml", label: "XML", extension: ".xml", load: async () => (await import("@codemirror/lang-xml")).xml() },
    { name: "java", label: "Java", extension: ".java", load: async () => (await import("@codemirror/lang-java")).java() },
    { name: "php", label: "PHP", extension: ".php", load: async () => (await import("@codemirror/lang-php")).php() },
    { name: "lezer", label: "Lezer", extension: ".grammar", load: async () => (await import("@codemirror/lang-lezer")).lezer() },
    { name: "python", label: "Python", extension: ".py", load: async () => (await import("@codemirror/lang-python")).python() },
    { name: "text", label: "Plain text", extension: ".txt", load: async () => [] },
    { name: "typescript", label: "TypeScript", extension: ".ts", load: async () => (await import("@codemirror/lang-javascript")).javascript({ typescript: true, jsx: true }) },
    { name: "c", label: "C", extension: ".c", load: async () => stream((await import("@codemirror/legacy-modes/mode/clike")).c) },
    { name: "csharp", label: "C#", extension: ".cs", load: async () => stream((await import("@codemirror/legacy-modes/mode/clike")).csharp) },
    { name: "kotlin", label: "Kotlin", extension: ".kt", load: async () => stream((await import("@codemirror/legacy-modes/mode/clike")).kotlin) },
    { name: "scala", label: "Scala", extension: ".scala", load: async () => stream((await import("@codemirror/legacy-modes/mode/clike")).scala) },
    { name: "dart", label: "Dart", extension: ".dart", load: async () => stream((await import("@codemirror/legacy-modes/mode/clike")).dart) },
    { name: "go", label: "Go", extension: ".go", load: async () => (await import("@codemirror/lang-go")).go() },
    { name: "sql", label: "SQL", extension: ".sql", load: async () => (await import("@codemirror/lang-sql")).sql() },
    { name: "yaml", label: "YAML", extension: ".yaml", load: async () => (await import("@codemirror/lang-yaml")).yaml() },
    { name: "vue", label: "Vue", extension: ".vue", load: async () => (await import("@codemirror/lang-vue")).vue() },
    { name: "sass", label: "Sass", extension: ".scss", load: async () => (await import("@codemirror/lang-sass")).sass() },
    { name: "shell", label: "Shell", extension: ".sh", load: async () => stream((await import("@codemirror/legacy-modes/mode/shell")).shell) },
    { name: "powershell", label: "PowerShell", extension: ".ps1", load: async () => stream((await import("@codemirror/legacy-modes/mode/powershell")).powerShell) },
    { name: "ruby", label: "Ruby", extension: ".rb", load: async () => stream((await import("@codemirror/legacy-modes/mode/ruby")).ruby) },
    { name: "perl", label: "Perl", extension: ".pl", load: async () => stream((await import("@codemirror/legacy-modes/mode/perl")).perl) },
    { name: "lua", label: "Lua", extension: ".lua", load: async () => stream((await import("@codemirror/legacy-modes/mode/lua")).lua) },
    { name: "r", label: "R", extension: ".r", load: async () => stream((await import("@codemirror/legacy-modes/mode/r")).r) },
    { name: "julia", label: "Julia", extension: ".jl", load: async () => stream((await import("@codemirror/legacy-modes/mode/julia")).julia) },
    { name: "swift", label: "Swift", extension: ".swift", load: async () => stream((await import("@codemirror/legacy-modes/mode/swift")).swift) },
    { name: "haskell", label: "Haskell", extension: ".hs", load: async () => stream((await import("@codemirror/legacy-modes/mode/haskell")).haskell) },
    { name: "erlang", label: "Erlang", extension: ".erl", load: async () => stream((await import("@codemirror/legacy-modes/mode/erlang")).erlang) },
    { name: "clojure", label: "Clojure", extension: ".clj", load: async () => stream((await import("@codemirror/legacy-modes/mode/clojure")).clojure) },
    { name: "toml", label: "TOML", extension: ".toml", load: async () => stream((await import("@codemirror/legacy-modes/mode/toml")).toml) },
    { name: "properties", label: "INI", extension: ".ini", load: async () => stream((await import("@codemirror/legacy-modes/mode/properties")).properties) },
    { name: "dockerfile", label: "Dockerfile", extension: ".dockerfile", load: async () => stream((await import("@codemirror/legacy-modes/mode/dockerfile")).dockerFile) },
    { name: "nginx", label: "nginx", extension: ".conf", load: async () => stream((await import("@codemirror/legacy-modes/mode/nginx")).nginx) },
    { name: "cmake", label: "CMake", extension: ".cmake", load: async () => stream((await import("@codemirror/legacy-modes/mode/cmake")).cmake) },
    { name: "diff", label: "Diff", extension: ".diff", load: async () => stream((await import("@codemirror/legacy-modes/mode/diff")).diff) },
    { name: "latex", label: "LaTeX", extension: ".tex", load: async () => stream((await import("@codemirror/legacy-modes/mode/stex")).stex) },
];

export const DEFAULT_LANGUAGE = "javascript";

export const languages: readonly Language[] = [...list].sort((a, b) => a.label.localeCompare(b.label, "en"));

const byName = new Map(list.map((l) => [l.name, l]));

// A name that this page does not know, from a newer page or another program, is shown as plain text.
export const findLanguage = (name: string): Language =>
    byName.get(name) ?? { name, label: name, extension: ".txt", load: async () => [] };
