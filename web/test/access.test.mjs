// Addresses, e-mail addresses, what /api/access says, who is shown as verified, and watching by a read-only link.
import assert from "node:assert/strict";
import { test } from "node:test";
import { page, pass, provide, Server, Socket } from "./lib.mjs";

const { access, address, api, barred, emails, names, state, Y } = page;

// --- addresses -------------------------------------------------------------------------------------

test("an address is a bytecrowd's name, or a read-only link with its token", () => {
    const read = (url) => address.readAddress(new URL(url, "https://x.example"));
    assert.deepEqual(read("/friday"), { watching: false, name: "friday" });
    assert.deepEqual(read("/a%2Eb#line"), { watching: false, name: "a.b" });
    assert.deepEqual(read("/~watch#abc-_9"), { watching: true, token: "abc-_9" });
    assert.deepEqual(read("/%7Ewatch#abc"), { watching: true, token: "abc" });
    for (const wrong of ["", "#", "#a b", "#a,b", "#<script>", "#" + "x".repeat(201), "#%00", "#a/b"])
        assert.deepEqual(read("/~watch" + wrong), { watching: true, token: "" }, wrong);
});

test("the page of the denied links to nothing but a bytecrowd", () => {
    assert.equal(address.deniedName("?page=friday"), "friday");
    assert.equal(address.deniedName("?page=a%2Eb&page=c"), "a.b");
    for (const wrong of ["", "?", "?page=", "?page=%2Fevil.example", "?page=javascript:alert(1)", "?page=..", "?page=api", "?page=~watch", "?page=" + "x".repeat(129)])
        assert.equal(address.deniedName(wrong), "", wrong);
});

test("who has signed in is led to this server only", () => {
    const own = "https://x.example";
    const back = (url) => address.wayBack("?callbackUrl=" + encodeURIComponent(url), own);
    assert.equal(back("/friday"), own + "/friday");
    assert.equal(back(own + "/friday?a=b"), own + "/friday?a=b");
    for (const wrong of ["https://evil.example/", "//evil.example", "\\\\evil.example", "javascript:alert(1)", "data:text/html,x", "https://x.example.evil.example", "http://x.example/", "https://:", ""])
        assert.equal(back(wrong), own + "/", wrong);
    // A path that begins with two slashes would be another host, were it a link by itself.
    assert.equal(back(own + "//evil.example"), own + "//evil.example");
    assert.equal(address.wayBack("", own), own + "/");
});

// --- e-mail addresses ------------------------------------------------------------------------------

test("e-mail addresses are found in what people type and paste", () => {
    const all = (typed, found, wrong = []) => assert.deepEqual(emails.readEmails(typed), { emails: found, wrong }, typed);
    all("", []);
    all(" \n ,; ", []);
    all("a@x.org", ["a@x.org"]);
    all("a@x.org b@x.org,c@x.org;d@x.org\ne@x.org\r\n\tf@x.org", ["a@x.org", "b@x.org", "c@x.org", "d@x.org", "e@x.org", "f@x.org"]);
    all("a@x.org, a@x.org A@x.org", ["a@x.org", "A@x.org"]);
    all("Ada Lovelace <ada@x.org>, Alan M. Turing <alan@x.org>", ["ada@x.org", "alan@x.org"]);
    all('"Lovelace, Ada" <ada@x.org>; "x@y" <z@x.org>', ["ada@x.org", "z@x.org"]);
    all("<ada@x.org><alan@x.org>", ["ada@x.org", "alan@x.org"]);
    all("Ada <ada@x.org> alan@x.org", ["ada@x.org", "alan@x.org"]);
    all("mailto:ada@x.org", ["ada@x.org"]);
    all("ada@localhost ä@münchen.example o'hara+tag@x.org", ["ada@localhost", "ä@münchen.example", "o'hara+tag@x.org"]);
    all("Ada, alan@x.org", ["alan@x.org"], ["Ada"]);
    all("@x.org a@ a@b@c", [], ["@x.org", "a@", "a@b@c"]);
    all("Ada <>", [], ["<>"]);
    all("Ada <ada at x.org>", [], ["ada at x.org"]);
    all("a".repeat(250) + "@x.org", [], ["a".repeat(250) + "@x.org"]);
});

test("a long list is read at once", () => {
    const list = Array.from({ length: 5000 }, (_, i) => `Person ${i} <p${i}@example.com>`).join(", ");
    const before = process.hrtime.bigint();
    assert.equal(emails.readEmails(list).emails.length, 5000);
    for (const evil of ["<".repeat(20000), "a ".repeat(20000), '"'.repeat(20000), " ".repeat(20000) + "x"]) emails.readEmails(evil);
    assert.ok(process.hrtime.bigint() - before < 2_000_000_000n);
});

// --- what the server says ------------------------------------------------------------------------------

test("the answer about access is read, whatever is in it", () => {
    const full = { signIn: [{ id: "github", name: "GitHub" }], user: { name: "Ada", email: "ada@x.org", image: null }, restricted: true, may: "edit", emails: ["ada@x.org"] };
    assert.deepEqual(access.readAccess(full), { ...full, user: { name: "Ada", email: "ada@x.org" } });
    for (const nothing of [null, undefined, 3, "x", [], {}, { signIn: {}, user: 7, restricted: "yes", may: null, emails: "a" }])
        assert.deepEqual(access.readAccess(nothing), access.UNKNOWN);
    assert.equal(access.readAccess({ may: "nothing" }).may, "nothing");
    assert.deepEqual(access.readAccess({ signIn: [null, { name: "x" }, { id: "oidc" }], emails: [1, "a@x.org", ""] }).signIn, [{ id: "oidc", name: "oidc" }]);
});

test("an account without a name is called by its address", () => {
    assert.deepEqual(access.readAccount({ name: null, email: "ada@x.org" }), { name: "ada", email: "ada@x.org" });
    assert.deepEqual(access.readAccount({ name: "Ada", email: null }), { name: "Ada", email: "" });
    for (const nobody of [null, undefined, {}, { name: "", email: "" }, "Ada"]) assert.equal(access.readAccount(nobody), null);
});

test("a question that fails is not an answer", async (t) => {
    const asked = [];
    const answers = [() => Promise.reject(new TypeError("network")), async () => new Response("no", { status: 503 }), async () => new Response("<p>"), async () => Response.json({ restricted: true })];
    t.mock.method(globalThis, "fetch", (url) => { asked.push(url); return answers.shift()(); });
    for (let i = 0; i < 3; i++) assert.equal(await access.askAccess("a"), null);
    assert.equal((await access.askAccess("a.b")).restricted, true);
    assert.equal(asked.at(-1), "/api/access?name=a.b");
});

test("errors are told in the server's words, and never as a page of HTML", async (t) => {
    const fails = async (response) => {
        t.mock.method(globalThis, "fetch", async () => response);
        return (await api.request("/api/links").then(() => assert.fail(), (e) => e)).message;
    };
    const text = { "content-type": "text/plain; charset=utf-8" };
    assert.equal(await fails(new Response("cannot update existing authorization\n", { status: 401, headers: text })), "Cannot update existing authorization.");
    assert.equal(await fails(new Response("<html>", { status: 502, headers: { "content-type": "text/html" } })), "The server answered 502.");
    assert.equal(await fails(new Response("too many requests", { status: 429, headers: { ...text, "retry-after": "30" } })), "Too many requests. Try again in 30 s.");
    t.mock.method(globalThis, "fetch", async () => { throw new TypeError("failed"); });
    await assert.rejects(api.request("/"), /does not answer/);
});

test("signing in sends the token and the way back as a form, and goes where the server says", async (t) => {
    const sent = [];
    const went = [];
    let next = "https://github.example/authorize?x=1";
    t.mock.method(globalThis, "fetch", async (url, init) => {
        sent.push([url, init.method ?? "GET", init.body && Object.fromEntries(init.body)]);
        return Response.json(url === "/api/auth/csrf" ? { csrfToken: "t0" } : { url: next });
    });
    globalThis.location = { href: "https://x.example/friday#there", assign: (url) => went.push(String(url)), reload: () => went.push("reload") };
    t.after(() => { delete globalThis.location; });
    await api.signIn("git/hub", "/friday");
    assert.deepEqual(sent, [["/api/auth/csrf", "GET", undefined], ["/api/auth/signin/git%2Fhub", "POST", { csrfToken: "t0", callbackUrl: "/friday", json: "true" }]]);
    next = "javascript:alert(1)";
    await assert.rejects(api.signIn("github", "/friday"), /no page/);
    next = "/friday";
    await api.signOut("/friday", true);
    assert.deepEqual(sent.at(-1), ["/api/auth/signout", "POST", { csrfToken: "t0", callbackUrl: "/friday", everywhere: "true", json: "true" }]);
    await api.signOut("/friday");
    assert.equal("everywhere" in sent.at(-1)[2], false);
    assert.deepEqual(went, ["https://github.example/authorize?x=1", "reload", "reload"]);
});

// --- who is verified -----------------------------------------------------------------------------------

test("no name has a mark in it that looks like that of the verified, nor letters that hide or turn around", () => {
    for (const mark of ["✓", "✔", "✔️", "☑", "☑️", "✅", "√", "⍻", "ꪜ", "\u{1f5f8}", "\u{1f5f9}", "\u{1fbb1}"])
        for (const name of [`${mark} Ada`, `Ada ${mark}`, `A${mark}da`, `${mark}${mark}Ada`]) assert.equal(names.cleanName(name), "Ada", name);
    assert.equal(names.cleanName("✓"), "");
    assert.equal(names.cleanName(" \u200b\u2060\ufeff "), "");
    assert.equal(names.cleanName("Ada\u202e ecalevoL\u2069\u0007"), "Ada ecalevoL");
    assert.equal(names.cleanName("  Ada \n\t Lovelace  "), "Ada Lovelace");
    assert.equal([...names.cleanName("👩🏽‍💻".repeat(40))].length, names.PERSON_MAX);
    for (const name of ["Ada", "Zoë", "Ólafur", "محمد", "李雷", "👩‍💻 Ada", "O'Hara-Smith", "नमस्ते"]) assert.equal(names.cleanName(name), name);
});

test("in words too nobody passes for verified who is not", () => {
    const title = (name, email = "", verified = false) => names.titleOf({ name, email, verified });
    assert.equal(title("Ada", "ada@example.com", true), "Ada (ada@example.com, verified)");
    assert.equal(title("ada@example.com", "ada@example.com", true), "ada@example.com (verified)");
    assert.equal(title("Ada", "", true), "Ada (verified)");
    assert.equal(title("Ada"), "Ada");
    for (const name of ["Ada (ada@x.org, verified)", "Ada （ada＠x.org）", "Ada, VERIFIED", "ada@x.org", "Ada ﹙x", "Ada (you)"]) assert.equal(title(name), `“${name}” (not signed in)`);
});

test("initials are of the first and the last word", () => {
    assert.deepEqual(["Ada Lovelace", "ada", "Ada King of Lovelace", "👩‍💻 Ada"].map(names.initials), ["AL", "A", "AL", "👩A"]);
});

// --- not let in ------------------------------------------------------------------------------------------

test("who is not let in is told why, and what became of what they wrote", () => {
    const words = (at, reason, unsaved = false) => barred.barredWords(at, { reason, unsaved });
    const room = { watching: false, name: "a" };
    assert.match(words(room, "you have been signed out").text, /^You have been signed out\.$/);
    assert.match(words(room, "").text, /certain people/);
    assert.match(words(room, "", true).text, /has not reached anybody/);
    assert.match(words({ watching: true, token: "t" }, "").text, /revoked/);
    assert.match(words({ watching: true, token: "t" }, "this link was revoked").text, /^This link was revoked\. /);
    assert.match(words({ watching: true, token: "" }, "").title, /not complete/);
});

// --- watching --------------------------------------------------------------------------------------------

test("a watcher offers the token as a subprotocol, takes everything and sends nothing of the document", (t) => {
    const { provider, doc, text } = provide(t, { watch: "tok" });
    assert.deepEqual(Socket.last.protocols, ["bytecrowds.watch", "bytecrowds.watch.tok"]);
    assert.doesNotMatch(Socket.last.url, /tok/);
    const server = new Server();
    server.doc.getText("bytecrowdText").insert(0, "hello");
    server.accept();
    assert.equal(provider.status.save, "saving");
    server.step1();
    assert.deepEqual(server.kinds(), ["step1", "awareness"]);
    server.step2(Y.encodeStateVector(doc));
    assert.equal(text.toString(), "hello");
    assert.equal(provider.status.save, "saved");
    assert.equal(state.words(provider.status), "Up to date");
    server.update((s) => s.insert(5, "!"));
    assert.equal(text.toString(), "hello!");
    text.insert(0, "x");
    provider.awareness.setLocalStateField("user", { name: "Ada" });
    assert.deepEqual(server.kinds(), ["awareness"]);
    assert.equal(provider.status.unsaved, false);
    Socket.last.lose(1012);
    assert.equal(provider.status.unsaved, false);
    pass(10_000);
    assert.equal(Socket.all.length > 1, true);
    server.accept();
    assert.doesNotMatch(state.words(provider.status), /sav/i);
});

test("a link that was revoked is not tried again, and one without a token not at all", (t) => {
    const { provider } = provide(t, { watch: "tok" });
    new Server().accept();
    Socket.last.lose(4401, "this link was revoked");
    pass(60_000);
    assert.equal(Socket.all.length, 1);
    assert.deepEqual([provider.status.connection, provider.status.code], ["refused", 4401]);
    const none = provide(t, { watch: "" }).provider;
    none.wake();
    pass(60_000);
    assert.equal(Socket.all.length, 0);
    assert.deepEqual([none.status.connection, none.status.code, none.status.loaded], ["refused", 4401, false]);
});
