// Builds the page: bundles it, names files by their content, compresses them, and writes an
// assembly file with all of them in it, which the program is linked with.
//
//     node web/build.mjs OUTDIR      from the root of the repository
//
// OUTDIR/files/...     every file as it is served, with .gz and .br beside it where that is smaller
// OUTDIR/assets.S      `struct asset assets[]` and `size_t assets_count` of src/server/assets.h
import { build } from "esbuild";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import zlib from "node:zlib";

const web = path.dirname(fileURLToPath(import.meta.url));
const root = path.dirname(web);

const TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
};

const COMMON = {
    absWorkingDir: web,
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    target: ["es2020", "safari15"],
    charset: "utf8",
    legalComments: "none",
    outdir: "assets",
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    logLevel: "warning",
};

// path below the site's root -> { data, immutable }
async function bundle() {
    const files = new Map();
    const entries = {}; // "editor" -> { file, imports }
    const options = [
        { entryPoints: ["src/editor.ts", "src/home.ts", "src/denied.ts", "src/signin.ts"], format: "esm", splitting: true, loader: { ".css": "text" } },
        // Loaded without defer, so that the theme is set before anything is painted.
        { entryPoints: ["src/theme.ts"], format: "iife" },
        { entryPoints: ["src/style.css"] },
    ];
    for (const o of options) {
        const r = await build({ ...COMMON, ...o });
        for (const f of r.outputFiles)
            files.set("/assets/" + path.basename(f.path), { data: Buffer.from(f.contents), immutable: 1 });
        for (const [out, info] of Object.entries(r.metafile.outputs)) {
            if (!info.entryPoint || info.entryPoint.includes("node_modules")) continue;
            entries[path.basename(info.entryPoint)] = {
                file: "/assets/" + path.basename(out),
                imports: closure(r.metafile.outputs, out),
            };
        }
    }
    return { files, entries };
}

// The chunks that `out` needs at once, directly or through other chunks.
function closure(outputs, out, seen = new Set()) {
    for (const i of outputs[out].imports)
        if (i.kind === "import-statement" && !seen.has(i.path)) {
            seen.add(i.path);
            closure(outputs, i.path, seen);
        }
    return [...seen].map((p) => "/assets/" + path.basename(p));
}

// In a page, {asset:NAME} is the address of an entry point and {preload:NAME} its chunks.
function fillPage(html, entries) {
    return html
        .replace(/[ \t]*\{preload:([^}]+)\}\n/g, (_, name) =>
            entries[name].imports.map((p) => `    <link rel="modulepreload" href="${p}" />\n`).join(""))
        .replace(/\{asset:([^}]+)\}/g, (_, name) => {
            if (!entries[name]) throw new Error(`no entry point ${name}`);
            return entries[name].file;
        });
}

function addPages(files, entries) {
    const dir = path.join(web, "pages");
    for (const name of fs.readdirSync(dir).sort()) {
        let text = fs.readFileSync(path.join(dir, name), "utf8");
        if (name.endsWith(".html")) text = fillPage(text, entries);
        files.set("/" + name, { data: Buffer.from(text), immutable: 0 });
    }
}

function encodings(data) {
    const gzip = zlib.gzipSync(data, { level: 9 });
    const br = zlib.brotliCompressSync(data, {
        params: {
            [zlib.constants.BROTLI_PARAM_QUALITY]: 11,
            [zlib.constants.BROTLI_PARAM_SIZE_HINT]: data.length,
        },
    });
    return { gzip: gzip.length < data.length ? gzip : null, br: br.length < data.length ? br : null };
}

function assembly(list) {
    const out = ["/* Written by web/build.mjs. */", "    .section .rodata"];
    const blob = (label, file) => out.push(`    .p2align 4`, `${label}:`, `    .incbin "${file}"`, `${label}_end:`);
    list.forEach((a, i) => {
        out.push(`path_${i}: .asciz "${a.path}"`, `type_${i}: .asciz "${a.type}"`);
        out.push(`etag_${i}: .asciz "\\"${a.etag}\\""`);
        blob(`identity_${i}`, a.file);
        if (a.gzip) blob(`gzip_${i}`, a.file + ".gz");
        if (a.br) blob(`br_${i}`, a.file + ".br");
    });
    // Pointers need relocation in a position-independent program.
    out.push(`    .section .data.rel.ro,"aw",%progbits`, "    .p2align 3", "    .globl assets", "assets:");
    const ref = (label, there) => (there ? `    .quad ${label}, ${label}_end - ${label}` : "    .quad 0, 0");
    list.forEach((a, i) => {
        out.push(`    .quad path_${i}, type_${i}, etag_${i}`);
        out.push(ref(`identity_${i}`, true), ref(`gzip_${i}`, a.gzip), ref(`br_${i}`, a.br));
        out.push(`    .quad ${a.immutable}`);
    });
    out.push("    .section .rodata", "    .p2align 3", "    .globl assets_count", "assets_count:");
    out.push(`    .quad ${list.length}`, `    .section .note.GNU-stack,"",%progbits`, "");
    return out.join("\n");
}

function write(out, files) {
    const dir = path.join(out, "files");
    return [...files].map(([name, { data, immutable }]) => {
        const file = path.join(dir, name);
        fs.mkdirSync(path.dirname(file), { recursive: true });
        const { gzip, br } = encodings(data);
        fs.writeFileSync(file, data);
        if (gzip) fs.writeFileSync(file + ".gz", gzip);
        if (br) fs.writeFileSync(file + ".br", br);
        return {
            path: name, file: path.relative(root, file), immutable, gzip, br,
            type: TYPES[path.extname(name)],
            etag: createHash("sha256").update(data).digest("base64url").slice(0, 22),
            size: data.length,
        };
    });
}

// Files of earlier builds go last, so that an assembler at work on them finds them for longest.
function removeStale(dir, list) {
    const wanted = new Set(list.flatMap((a) => ["", a.gzip && ".gz", a.br && ".br"].filter((x) => x !== null).map((x) => path.resolve(root, a.file + x))));
    for (const sub of [dir, path.join(dir, "assets")])
        for (const e of fs.readdirSync(sub, { withFileTypes: true }))
            if (e.isFile() && !wanted.has(path.resolve(sub, e.name))) fs.rmSync(path.join(sub, e.name), { force: true });
}

function report(list, entries) {
    const sum = (names, of) => names.reduce((n, p) => n + of(list.find((a) => a.path === p)), 0);
    for (const [page, entry] of [["/index.html", "home.ts"], ["/editor.html", "editor.ts"]]) {
        const names = [page, "/favicon.svg", ...["theme.ts", "style.css", entry].map((e) => entries[e].file), ...entries[entry].imports];
        const kB = (of) => (sum(names, of) / 1000).toFixed(1);
        console.log(`  web   ${page}: ${kB((a) => a.size)} kB, gzip ${kB((a) => (a.gzip ?? { length: a.size }).length)} kB, br ${kB((a) => (a.br ?? { length: a.size }).length)} kB`);
    }
}

const out = path.resolve(process.argv[2] ?? "build/web");
const { files, entries } = await bundle();
addPages(files, entries);
const list = write(out, files);
report(list, entries);
// After the files and in one step: make takes this one as the proof that all of them are there.
fs.writeFileSync(path.join(out, `assets.S.${process.pid}`), assembly(list));
fs.renameSync(path.join(out, `assets.S.${process.pid}`), path.join(out, "assets.S"));
removeStale(path.join(out, "files"), list);
