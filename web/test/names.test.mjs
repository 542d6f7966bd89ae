// Names, colours, what a browser remembers, and the languages.
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { page } from "./lib.mjs";

const { names, storage, languages } = page;

test("a new name is 128 bits of the platform's secure random source, and nothing else", (t) => {
    const asked = [];
    const { getRandomValues } = crypto;
    t.mock.method(crypto, "getRandomValues", (bytes) => {
        asked.push(bytes.length);
        return getRandomValues.call(crypto, bytes);
    });
    t.mock.method(Math, "random", () => assert.fail("not a secure source"));
    const made = new Set();
    for (let i = 0; i < 1000; i++) made.add(names.randomName());
    assert.equal(made.size, 1000);
    assert.deepEqual(new Set(asked), new Set([16]));
    for (const name of made) {
        assert.match(name, /^[A-Za-z0-9_-]{22}$/);
        assert.equal(names.nameProblem(name), "");
    }
});

test("no bit of the sixteen bytes is lost in a name", (t) => {
    for (const bytes of [new Uint8Array(16), new Uint8Array(16).fill(255), Uint8Array.from({ length: 16 }, (_, i) => i * 17 + 3)]) {
        const mock = t.mock.method(crypto, "getRandomValues", (into) => (into.set(bytes), into));
        assert.deepEqual(new Uint8Array(Buffer.from(names.randomName(), "base64url")), bytes);
        mock.mock.restore();
    }
});

test("names are judged as the server does", () => {
    for (const good of ["a", "A-b_c.9", "x".repeat(128), "...", "-", "wsx", "API"]) assert.equal(names.nameProblem(good), "", good);
    for (const bad of ["", "a b", "ä", "a/b", "a?b", "a%20", "x".repeat(129), "..", ".", "ws", "api", "healthz", "assets", "raw", "new"]) assert.notEqual(names.nameProblem(bad), "", bad);
});

test("every colour that a person can get carries its name readably", () => {
    for (const color of names.COLORS) assert.ok(names.contrast(color, "#ffffff") >= 4.5, color);
    assert.equal(names.inkOn("#ffff00"), "#14171b");
    assert.equal(names.inkOn("#fd0"), "#14171b");
    assert.equal(names.inkOn("#123"), "#ffffff");
    assert.ok(names.contrast("#ffff00", names.inkOn("#ffff00")) >= 4.5);
});

test("the colours of both themes meet WCAG AA where they are used", () => {
    const css = fs.readFileSync(new URL("../src/style.css", import.meta.url), "utf8");
    const colors = (part) => Object.fromEntries([...part.matchAll(/--([\w-]+): (#[0-9a-f]{6})\b/g)].map((m) => [m[1], m[2]]));
    const at = css.indexOf(':root[data-theme="dark"]');
    const light = colors(css.slice(0, at));
    const dark = { ...light, ...colors(css.slice(at, css.indexOf("}", at))) };
    const texts = ["ink", "muted", "faint", "accent", "wait", "bad", ...Object.keys(light).filter((c) => c.startsWith("c-"))];
    const on = [["on-accent", "accent"], ["on-accent", "accent-strong"], ["on-warn", "warn"], ["on-grave", "grave"], ["paper", "ink"]];
    for (const [name, theme] of Object.entries({ light, dark })) {
        for (const text of texts)
            for (const ground of ["paper", "panel", "raised"]) {
                if (text.startsWith("c-") && ground === "panel") continue; // no code stands there
                assert.ok(names.contrast(theme[text], theme[ground]) >= 4.5, `${name}: ${text} on ${ground}`);
            }
        for (const [text, ground] of on) assert.ok(names.contrast(theme[text], theme[ground]) >= 4.5, `${name}: ${text} on ${ground}`);
        assert.ok(names.contrast(theme.edge, theme.raised) >= 3, `${name}: the edges of fields`);
    }
});

test("storage that refuses changes nothing but what is remembered", (t) => {
    const refuse = () => { throw new DOMException("denied", "SecurityError"); };
    t.after(() => { delete globalThis.localStorage; });
    Object.defineProperty(globalThis, "localStorage", { configurable: true, get: refuse });
    assert.equal(storage.recall("theme", "system"), "system");
    storage.remember("theme", "dark");
    storage.forget("theme");
    assert.deepEqual(storage.recents(), []);
    storage.addRecent("room", "Rust");
});

test("storage that is full or holds something else's words is survived", (t) => {
    const kept = new Map();
    t.after(() => { delete globalThis.localStorage; });
    Object.defineProperty(globalThis, "localStorage", { configurable: true, value: { getItem: (k) => kept.get(k) ?? null, setItem: () => { throw new DOMException("full", "QuotaExceededError"); }, removeItem: (k) => kept.delete(k) } });
    storage.remember("size", "20");
    kept.set("bytecrowds:size", "{not json");
    assert.equal(storage.recall("size", "15"), "15");
    for (const wrong of ["7", "null", '{"a":1}', '[null,3,{"name":4},{"name":"a"}]']) {
        kept.set("bytecrowds:recent", wrong);
        assert.deepEqual(storage.recents(), []);
    }
});

test("what was opened last stands first, once, and no more than twelve are kept", (t) => {
    const kept = new Map();
    t.after(() => { delete globalThis.localStorage; });
    Object.defineProperty(globalThis, "localStorage", { configurable: true, value: { getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => kept.set(k, v), removeItem: (k) => kept.delete(k) } });
    for (let i = 0; i < 20; i++) storage.addRecent(`room${i}`, "C");
    storage.addRecent("room15", "Rust");
    const list = storage.recents();
    assert.equal(list.length, storage.RECENT_MAX);
    assert.deepEqual([list[0].name, list[0].language, list[1].name], ["room15", "Rust", "room19"]);
    assert.equal(new Set(list.map((r) => r.name)).size, list.length);
});

test("the original's twelve languages are there under its names", () => {
    const known = new Set(languages.languages.map((l) => l.name));
    for (const name of "javascript cpp html css json markdown rust xml java php lezer python".split(" ")) assert.ok(known.has(name), name);
    assert.equal(known.size, languages.languages.length, "each once");
    assert.equal(languages.DEFAULT_LANGUAGE, "javascript");
});

test("every language loads", async () => {
    for (const l of languages.languages) {
        const support = await l.load();
        assert.ok(l.name === "text" ? Array.isArray(support) : support.language || support.extension, l.name);
        assert.match(l.extension, /^\.[a-z0-9]+$/);
    }
});

test("a language that this page does not know is plain text under its own name", async () => {
    const l = languages.findLanguage("brainfuck<script>");
    assert.deepEqual([l.name, l.label, l.extension], ["brainfuck<script>", "brainfuck<script>", ".txt"]);
    assert.deepEqual(await l.load(), []);
    assert.equal(languages.findLanguage("__proto__").label, "__proto__");
});
