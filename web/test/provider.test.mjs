// The provider against a server that the test plays, on a clock that the test moves.
import assert from "node:assert/strict";
import { test } from "node:test";
import { clock, page, pass, provide, Server, sleep, Socket } from "./lib.mjs";

const { awarenessProtocol, Y } = page;
const { LIMITS } = page.provider;

test("nothing is called saved before everything is here, everything is there, and the receipt is", (t) => {
    const { provider, text } = provide(t);
    assert.equal(provider.status.save, "connecting");
    const server = new Server().accept();
    assert.equal(provider.status.save, "saving");
    assert.deepEqual(server.read().map((m) => m.kind), ["step1", "awareness"]);
    server.step2(Uint8Array.of(0));
    assert.equal(provider.status.loaded, true);
    assert.equal(provider.status.save, "saving", "our own side is not asked for yet");
    server.step1();
    assert.deepEqual(server.kinds(), ["step2"]);
    assert.equal(provider.status.save, "saving");
    server.saved(1);
    assert.equal(provider.status.save, "saved");
    text.insert(0, "a");
    assert.equal(provider.status.save, "saving");
    assert.equal(provider.status.unsaved, true);
    text.insert(1, "b");
    assert.deepEqual(server.kinds(), ["update", "update"]);
    server.saved(2);
    assert.equal(provider.status.save, "saving", "one of two is stored");
    server.saved(3);
    assert.equal(provider.status.save, "saved");
    assert.equal(provider.status.unsaved, false);
});

test("receipts that go backwards or beyond what was sent are not believed", (t) => {
    const { provider, text } = provide(t);
    const server = new Server().accept().exchange();
    server.saved(1000);
    assert.equal(provider.status.save, "saved");
    text.insert(0, "a");
    assert.equal(provider.status.save, "saving", "a receipt from before does not cover what came after");
    server.saved(1);
    assert.equal(provider.status.save, "saving");
    server.saved(2);
    server.saved(0);
    assert.equal(provider.status.save, "saved");
});

test("receipts are counted anew on each connection, and what was open before stays unsaved until then", (t) => {
    const { provider, text, doc } = provide(t);
    const server = new Server().accept().exchange();
    server.saved();
    for (const c of "abc") text.insert(text.length, c);
    server.saved(2);
    Socket.last.lose();
    assert.equal(provider.status.save, "offline");
    assert.equal(provider.status.unsaved, true);
    text.insert(3, "d");
    pass(LIMITS.backoffFirst);
    server.accept();
    assert.equal(provider.status.save, "offline", "open is not yet back");
    server.exchange();
    assert.equal(server.got, 1, "all of it in one step 2");
    assert.equal(server.doc.getText("bytecrowdText").toString(), "abcd");
    assert.equal(provider.status.save, "saving");
    assert.equal(provider.status.unsaved, true);
    server.saved(1);
    assert.equal(provider.status.save, "saved");
    assert.equal(provider.status.unsaved, false);
    assert.deepEqual(Y.encodeStateVector(doc), Y.encodeStateVector(server.doc));
});

test("written between opening and the exchange: a receipt for that alone is not enough", (t) => {
    const { provider, text } = provide(t);
    const server = new Server().accept().exchange();
    server.saved();
    Socket.last.lose();
    text.insert(0, "offline ");
    pass(LIMITS.backoffFirst);
    server.accept();
    text.insert(0, "early ");
    server.read();
    server.saved(1);
    assert.notEqual(provider.status.save, "saved");
    assert.equal(provider.status.unsaved, true);
    server.exchange();
    server.saved(2);
    assert.equal(provider.status.save, "saved");
});

test("what others write is applied, and does not make this page unsaved", (t) => {
    const { provider, text } = provide(t);
    const server = new Server().accept().exchange();
    server.saved();
    server.update((y) => y.insert(0, "theirs"));
    assert.equal(text.toString(), "theirs");
    assert.equal(provider.status.save, "saved");
    assert.deepEqual(server.kinds(), [], "and is not sent back");
});

test("a resync asks only for what is missing and sends only what is missing", (t) => {
    const { text } = provide(t);
    const server = new Server().accept().exchange();
    text.insert(0, "x".repeat(10_000));
    server.read();
    server.saved();
    Socket.last.lose();
    server.doc.getText("bytecrowdText").insert(0, "meanwhile ");
    pass(LIMITS.backoffFirst);
    server.accept().exchange();
    assert.equal(text.toString().slice(0, 12), "meanwhile xx");
    const step2 = server.socket.sent.map((b) => b.length).reduce((a, b) => Math.max(a, b), 0);
    assert.ok(step2 < 200, `${step2} bytes`);
});

test("not saved: message 101 is shown at once, also with nothing of one's own under way, and taken back", (t) => {
    const { provider, text } = provide(t);
    const server = new Server().accept().exchange();
    server.saved();
    server.failing(true);
    assert.equal(provider.status.save, "store-failing");
    text.insert(0, "a");
    server.read();
    assert.equal(provider.status.save, "store-failing");
    assert.equal(provider.status.unsaved, true);
    server.failing(false);
    assert.equal(provider.status.save, "saving", "it works again, but this is not stored yet");
    server.saved();
    assert.equal(provider.status.save, "saved");
    server.failing(true);
    Socket.last.lose();
    pass(LIMITS.backoffFirst);
    server.accept().exchange();
    server.saved();
    assert.equal(provider.status.save, "saved", "a new connection starts without the old one's trouble");
});

test("it tries again with growing pauses, and soon after a connection that was good", (t) => {
    provide(t);
    const pauses = [];
    for (let i = 0; i < 9; i++) {
        const before = Socket.all.length;
        Socket.last.lose();
        let waited = 0;
        while (Socket.all.length === before) {
            pass(10);
            waited += 10;
        }
        pauses.push(waited);
    }
    assert.deepEqual(pauses, [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
    new Server().accept().exchange().saved();
    Socket.last.lose();
    pass(LIMITS.backoffFirst);
    assert.equal(Socket.last.readyState, 0);
    assert.equal(Socket.all.length, 11);
});

test("pauses vary by chance, by half at the most", (t) => {
    provide(t, { random: () => 0 });
    Socket.last.lose();
    pass(49);
    assert.equal(Socket.all.length, 1);
    pass(1);
    assert.equal(Socket.all.length, 2);
});

test("a server that opens and closes at once is not asked ten times a second", (t) => {
    const { provider } = provide(t);
    for (let i = 0; i < 6; i++) {
        Socket.last.open();
        Socket.last.lose(1013, "storage cannot be reached");
        assert.equal(provider.status.save, "offline");
        assert.equal(provider.status.reason, "storage cannot be reached");
        pass(LIMITS.backoffLast);
    }
    const before = Socket.all.length;
    Socket.last.open();
    assert.equal(provider.status.reason, "storage cannot be reached", "not forgotten before it works");
    Socket.last.lose(1013, "storage cannot be reached");
    pass(LIMITS.backoffLast - 1);
    assert.equal(Socket.all.length, before);
    pass(1);
    new Server().accept().exchange().saved();
    assert.equal(provider.status.save, "saved");
    assert.equal(provider.status.reason, "");
});

for (const code of [4400, 4401, 4403, 4404, 4413, 4499, 1009])
    test(`${code} is final`, (t) => {
        const { provider, text } = provide(t);
        new Server().accept().exchange().saved();
        text.insert(0, "a");
        Socket.last.lose(code, "why");
        assert.deepEqual({ ...provider.status }, { connection: "refused", save: "refused", unsaved: true, loaded: true, watching: false, code, reason: "why" });
        provider.wake();
        pass(3_600_000);
        assert.equal(Socket.all.length, 1);
    });

for (const code of [1000, 1001, 1006, 1008, 1011, 1012, 1013, 4399, 4500])
    test(`${code} is not final`, (t) => {
        const { provider } = provide(t);
        new Server().accept().exchange().saved();
        Socket.last.lose(code);
        assert.equal(provider.status.save, "offline");
        pass(LIMITS.backoffFirst);
        assert.equal(Socket.all.length, 2);
    });

test("protocol errors one after the other are final, with success between them they are not", (t) => {
    const { provider } = provide(t);
    for (let i = 0; i < 3 * LIMITS.strikes; i++) {
        new Server().accept().exchange().saved();
        Socket.last.lose(1007, "malformed update");
        pass(LIMITS.backoffLast);
    }
    assert.equal(provider.status.save, "offline");
    for (let i = 1; i < LIMITS.strikes; i++) {
        Socket.last.lose(1007, "malformed update");
        pass(LIMITS.backoffLast);
    }
    assert.equal(provider.status.connection, "refused");
    const n = Socket.all.length;
    pass(3_600_000);
    assert.equal(Socket.all.length, n);
});

test("a socket that never opens is given up", (t) => {
    const { provider } = provide(t);
    pass(LIMITS.connect);
    assert.equal(provider.status.save, "offline");
    assert.equal(Socket.all[0].readyState, 2);
    Socket.all[0].open(); // too late: nobody listens
    assert.equal(Socket.all[0].sent.length, 0);
    pass(LIMITS.backoffFirst);
    assert.equal(Socket.all.length, 2);
});

test("silence is asked about, and given up if there is no answer", (t) => {
    const { provider } = provide(t);
    const server = new Server().accept().exchange();
    server.saved();
    pass(LIMITS.quiet + LIMITS.check);
    assert.ok(server.kinds().includes("query"));
    server.saved(1); // any message is a sign of life
    pass(LIMITS.answer);
    assert.equal(provider.status.save, "saved");
    pass(LIMITS.quiet + LIMITS.check);
    assert.ok(server.kinds().includes("query"));
    pass(LIMITS.answer);
    assert.equal(provider.status.save, "offline");
    assert.equal(server.socket.readyState, 2);
});

test("a closed laptop: the connection is asked about as soon as the clock has jumped", (t) => {
    const { provider } = provide(t);
    const server = new Server().accept().exchange();
    server.saved();
    server.read();
    sleep(3_600_000);
    pass(LIMITS.check);
    assert.ok(server.kinds().includes("query"));
    pass(LIMITS.answer);
    assert.equal(provider.status.save, "offline");
    pass(LIMITS.backoffFirst);
    new Server(server.doc).accept().exchange().saved();
    assert.equal(provider.status.save, "saved");
});

test("woken up: connects at once when it was waiting, asks when it was silent, else lets be", (t) => {
    const { provider } = provide(t);
    const server = new Server().accept().exchange();
    server.saved();
    server.read();
    provider.wake();
    assert.deepEqual(server.kinds(), []);
    pass(LIMITS.wake);
    server.read();
    provider.wake();
    assert.ok(server.kinds().includes("query"));
    provider.probe();
    assert.deepEqual(server.kinds(), [], "one question at a time");
    Socket.last.lose();
    provider.wake();
    assert.equal(Socket.all.length, 2);
    pass(1000);
    assert.equal(Socket.all.length, 2, "and the try that was due is not made as well");
});

test("one's own awareness is renewed, so that nobody takes this page for gone", (t) => {
    const { provider } = provide(t);
    provider.awareness.setLocalState({ user: { name: "Ann" } });
    const server = new Server().accept().exchange();
    server.read();
    pass(20_000);
    const renewed = server.read().filter((m) => m.kind === "awareness");
    assert.ok(renewed.length >= 1);
    const other = new awarenessProtocol.Awareness(new Y.Doc());
    awarenessProtocol.applyAwarenessUpdate(other, renewed[0].data, "test");
    assert.deepEqual(other.getStates().get(provider.doc.clientID), { user: { name: "Ann" } });
    other.destroy();
});

test("a new connection announces this page under a new clock, and forgets the others until they are told again", (t) => {
    const { provider } = provide(t);
    provider.awareness.setLocalState({ user: { name: "Ann" } });
    const server = new Server().accept().exchange();
    const bob = new awarenessProtocol.Awareness(new Y.Doc());
    bob.setLocalState({ user: { name: "Bob" } });
    const { encoding } = page;
    const bobIsHere = (e) => {
        encoding.writeVarUint(e, 1);
        encoding.writeVarUint8Array(e, awarenessProtocol.encodeAwarenessUpdate(bob, [bob.clientID]));
    };
    server.socket.receive(bobIsHere);
    assert.equal(provider.awareness.getStates().size, 2);
    const clockBefore = provider.awareness.meta.get(provider.doc.clientID).clock;
    Socket.last.lose();
    assert.deepEqual([...provider.awareness.getStates().keys()], [provider.doc.clientID]);
    pass(LIMITS.backoffFirst);
    server.accept();
    assert.ok(server.kinds().includes("awareness"));
    assert.ok(provider.awareness.meta.get(provider.doc.clientID).clock > clockBefore);
    // He has not moved meanwhile, so his clock is the same.
    Socket.last.receive(bobIsHere);
    assert.equal(provider.awareness.getStates().size, 2);
    bob.destroy();
});

test("the server's question for awareness is answered", (t) => {
    const { provider } = provide(t);
    provider.awareness.setLocalState({ user: { name: "Ann" } });
    const server = new Server().accept().exchange();
    server.read();
    server.socket.receive((e) => page.encoding.writeVarUint(e, 3));
    assert.deepEqual(server.kinds(), ["awareness"]);
});

test("messages of kinds that this page does not know are left alone", (t) => {
    const { provider } = provide(t);
    const server = new Server().accept().exchange();
    server.saved();
    server.socket.receive((e) => {
        page.encoding.writeVarUint(e, 77);
        page.encoding.writeVarUint(e, 1);
    });
    assert.equal(provider.status.save, "saved");
});

test("what cannot be read ends the connection and leaves the text as it was", (t) => {
    const { provider, text } = provide(t);
    const server = new Server().accept().exchange();
    server.saved();
    text.insert(0, "mine");
    const { error } = console;
    console.error = () => {};
    t.after(() => { console.error = error; });
    server.socket.receive((e) => {
        page.encoding.writeVarUint(e, 0);
        page.encoding.writeVarUint(e, 2);
        page.encoding.writeVarUint8Array(e, Uint8Array.of(255, 255, 255));
    });
    assert.equal(server.socket.readyState, 2);
    assert.equal(text.toString(), "mine");
    assert.equal(provider.status.unsaved, true);
});

test("destroyed: says that it is gone, and no timer is left", (t) => {
    const before = clock.timers.size;
    const doc = new Y.Doc();
    const { provider } = provide(t, { doc });
    provider.awareness.setLocalState({ user: { name: "Ann" } });
    const server = new Server().accept().exchange();
    server.read();
    provider.destroy();
    assert.ok(server.kinds().includes("awareness"));
    assert.equal(clock.timers.size, before);
    doc.getText("bytecrowdText").insert(0, "later");
    assert.deepEqual(server.kinds(), []);
});
