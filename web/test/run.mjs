// Tests of the page's parts that need no browser: bundles web/src with esbuild for Node, and runs
// web/test/*.test.mjs on it.
//
//     npm --prefix web test               all
//     node web/test/run.mjs provider      those files that have this in their names
import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const out = path.join(here, "../../build/web-test");

// One bundle, so that the page's parts and the tests share one Yjs.
const MODULES = ["access", "address", "api", "barred", "dom", "emails", "languages", "names", "provider", "state", "storage"];
const PACKAGES = { Y: "yjs", sync: "y-protocols/sync", awarenessProtocol: "y-protocols/awareness", encoding: "lib0/encoding", decoding: "lib0/decoding" };
const contents = [
    ...MODULES.map((m) => `export * as ${m} from "./src/${m}";`),
    ...Object.entries(PACKAGES).map(([name, from]) => `export * as ${name} from "${from}";`),
].join("\n");

await build({
    absWorkingDir: path.dirname(here),
    stdin: { contents, resolveDir: path.dirname(here), sourcefile: "page.ts", loader: "ts" },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node18",
    outdir: out,
    entryNames: "page",
    outExtension: { ".js": ".mjs" },
    sourcemap: "inline",
    logLevel: "warning",
});

const wanted = process.argv[2] ?? "";
const files = fs.readdirSync(here).filter((f) => f.endsWith(".test.mjs") && f.includes(wanted)).map((f) => path.join(here, f));
const { status } = spawnSync(process.execPath, ["--enable-source-maps", "--test", "--test-reporter=spec", ...files], { stdio: "inherit" });
process.exit(status ?? 1);
