// What the page says about connection and saving.
import assert from "node:assert/strict";
import { test } from "node:test";
import { elements, page, pass, provide, Server, Socket, windowListeners } from "./lib.mjs";

const { noticeOf, showState, words } = page.state;
const { LIMITS } = page.provider;
const status = (more) => ({ connection: "online", save: "saved", unsaved: false, loaded: true, code: 0, reason: "", ...more });

function show(t) {
    elements.clear();
    windowListeners.clear();
    const all = provide(t);
    const seen = [];
    showState(all.provider, (s) => seen.push(s.save));
    return { ...all, seen, state: () => elements.get("state").dataset.state, foot: () => elements.get("state-text").textContent, notice: () => (elements.get("notice").hidden ? "" : elements.get("notice-text").textContent) };
}

test("“Saved” is said in one state only", () => {
    const saves = ["connecting", "saving", "saved", "store-failing", "offline", "refused"];
    for (const save of saves)
        for (const loaded of [false, true])
            for (const unsaved of [false, true]) {
                const text = words(status({ save, loaded, unsaved }));
                assert.equal(text === "Saved", save === "saved", text);
                assert.ok(text);
            }
});

test("every final code has a sentence, says what became of the last changes, and offers to keep the text", () => {
    for (const [code, says] of [[4403, /not allowed/], [4404, /gone/], [4413, /full/], [1009, /larger than this server takes/], [4477, /4477/]]) {
        const notice = noticeOf(status({ save: "refused", connection: "refused", code, unsaved: true }));
        assert.match(notice.text, says);
        assert.equal(notice.final, true);
        assert.equal(notice.keep, true);
        if (code === 4413 || code === 1009) assert.match(notice.text, /has not reached anybody/);
    }
    assert.match(noticeOf(status({ save: "refused", code: 4499, reason: "closed for cleaning" })).text, /closed for cleaning/);
    assert.doesNotMatch(noticeOf(status({ save: "refused", code: 4413 })).text, /has not reached/, "nothing of one's own is lost");
    assert.equal(noticeOf(status({ save: "refused", code: 4403, loaded: false })).keep, false);
    assert.equal(noticeOf(status({ save: "refused", code: 4401 })), null, "that is said in place of the text");
});

test("a notice for those who cannot open it names the server's reason", () => {
    const s = status({ save: "offline", connection: "offline", loaded: false, code: 1013, reason: "storage cannot be reached" });
    assert.match(noticeOf(s).text, /storage cannot be reached/);
    assert.match(noticeOf({ ...s, reason: "" }).text, /does not answer/);
});

test("“Saved” is taken back with the first key, and said again after a quiet moment only", (t) => {
    const { text, foot, state } = show(t);
    const server = new Server().accept().exchange();
    server.saved();
    pass(300);
    assert.equal(foot(), "Saved");
    for (let i = 0; i < 5; i++) {
        text.insert(0, "a");
        assert.equal(foot(), "Saving…");
        assert.equal(state(), "saving");
        server.read();
        pass(50);
        server.saved();
        pass(200);
        assert.equal(foot(), "Saving…", "no flicker between two keys");
    }
    pass(100);
    assert.equal(foot(), "Saved");
    text.insert(0, "b");
    server.read();
    pass(30_000);
    assert.equal(foot(), "Saving…", "for as long as it takes");
});

test("trouble is not held back by the quiet moment", (t) => {
    const { foot } = show(t);
    const server = new Server().accept().exchange();
    server.saved();
    server.failing(true);
    assert.match(foot(), /^Not saved/);
    pass(1000);
    assert.match(foot(), /^Not saved/);
});

test("a connection that is back at once gets no notice, a longer absence does, and it goes away again", (t) => {
    const { foot, notice } = show(t);
    new Server().accept().exchange().saved();
    Socket.last.lose();
    assert.equal(foot(), "Offline – reconnecting");
    assert.equal(notice(), "");
    pass(LIMITS.backoffFirst);
    new Server().accept().exchange().saved();
    pass(10_000);
    assert.equal(notice(), "");
    Socket.last.lose();
    pass(2600);
    assert.match(notice(), /Not connected/);
    new Server().accept().exchange().saved();
    assert.equal(notice(), "");
});

test("tries that fail meanwhile do not put the notice off", (t) => {
    const { notice } = show(t);
    for (let waited = 0; waited < 3000; waited += 200) {
        Socket.last.lose(1013, "storage cannot be reached");
        pass(200);
    }
    assert.match(notice(), /storage cannot be reached/);
});

test("not saved is said above the text at once", (t) => {
    const { notice, foot } = show(t);
    const server = new Server().accept().exchange();
    server.saved();
    server.failing(true);
    assert.match(notice(), /^Not saved/);
    assert.equal(elements.get("notice").classes.has("grave"), true);
    assert.equal(foot(), "Not saved – retrying");
    server.failing(false);
    assert.equal(notice(), "");
});

test("leaving is warned of exactly while something is unsaved", (t) => {
    const { text } = show(t);
    const server = new Server().accept().exchange();
    server.saved();
    const leave = () => {
        let warned = false;
        windowListeners.get("beforeunload")({ preventDefault: () => { warned = true; } });
        return warned;
    };
    assert.equal(leave(), false);
    text.insert(0, "a");
    assert.equal(leave(), true);
    server.read();
    server.saved();
    assert.equal(leave(), false);
});
