// A clock that stands still until a test moves it, a socket without a network, and the least of a
// document. The clock is in place before the page's code is loaded, because Yjs keeps the one that it
// finds then; the document comes after it, because CodeMirror would take it for a browser's.
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto;

// --- the clock -----------------------------------------------------------------------------------

export const clock = { now: 1_700_000_000_000, timers: new Map(), next: 1 };

function timer(call, ms, every) {
    const id = clock.next++;
    clock.timers.set(id, { at: clock.now + (ms ?? 0), call, every });
    return id;
}

Date.now = () => clock.now;
globalThis.setTimeout = (call, ms) => timer(call, ms, 0);
globalThis.setInterval = (call, ms) => timer(call, ms, ms);
globalThis.clearTimeout = globalThis.clearInterval = (id) => void clock.timers.delete(id);

// Moves the clock, and calls whatever is due on the way in its order.
export function pass(ms) {
    const end = clock.now + ms;
    for (;;) {
        const [id, due] = [...clock.timers].filter(([, t]) => t.at <= end).sort((a, b) => a[1].at - b[1].at)[0] ?? [];
        if (!due) break;
        clock.now = Math.max(clock.now, due.at);
        if (due.every) due.at += due.every;
        else clock.timers.delete(id);
        due.call();
    }
    clock.now = end;
}

// The clock of a computer that was closed meanwhile: no timer was called.
export function sleep(ms) {
    clock.now += ms;
    for (const t of clock.timers.values()) t.at = Math.max(t.at, clock.now);
}

export const page = await import("../../build/web-test/page.mjs");
const { decoding, encoding, sync, Y } = page;

// --- the document of the browser -------------------------------------------------------------------

class Element {
    constructor(id) {
        this.id = id;
        this.hidden = id === "notice";
        this.textContent = "";
        this.dataset = {};
        this.classes = new Set();
        this.classList = { toggle: (name, on) => (on ? this.classes.add(name) : this.classes.delete(name)) };
    }
    addEventListener() {}
}

export const elements = new Map();
export const windowListeners = new Map();
globalThis.document = {
    visibilityState: "visible",
    getElementById: (id) => elements.get(id) ?? (elements.set(id, new Element(id)), elements.get(id)),
    addEventListener: (name, call) => windowListeners.set(name, call),
};
globalThis.addEventListener = (name, call) => windowListeners.set(name, call);

// --- the socket ------------------------------------------------------------------------------------

export class Socket {
    static all = [];
    static get last() { return Socket.all.at(-1); }

    constructor(url, protocols) {
        this.url = url;
        this.protocols = protocols;
        this.readyState = 0;
        this.sent = [];
        Socket.all.push(this);
    }
    send(bytes) { this.sent.push(bytes); }
    close() { this.readyState = 2; }

    // What the network does to it:
    open() {
        this.readyState = 1;
        this.onopen?.();
    }
    receive(write) {
        const e = encoding.createEncoder();
        write(e);
        const bytes = encoding.toUint8Array(e);
        this.onmessage?.({ data: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) });
    }
    lose(code = 1006, reason = "") {
        this.readyState = 3;
        this.onclose?.({ code, reason });
    }
}

// --- the server, as far as one client sees it --------------------------------------------------------

export class Server {
    constructor(doc = new Y.Doc()) {
        this.doc = doc;
    }

    // Takes the socket and reads what has come since: { kind, data } each.
    accept(socket = Socket.last) {
        this.socket = socket;
        this.seen = 0;
        this.got = 0; // sync messages of kinds 1 and 2
        if (socket.readyState === 0) socket.open();
        return this;
    }
    read() {
        const messages = this.socket.sent.slice(this.seen).map((bytes) => {
            const d = decoding.createDecoder(bytes);
            const type = decoding.readVarUint(d);
            if (type === 0) return { kind: ["step1", "step2", "update"][decoding.readVarUint(d)], data: decoding.readVarUint8Array(d) };
            if (type === 1) return { kind: "awareness", data: decoding.readVarUint8Array(d) };
            return { kind: type === 3 ? "query" : String(type) };
        });
        this.seen = this.socket.sent.length;
        for (const m of messages) {
            if (m.kind === "step2" || m.kind === "update") {
                this.got++;
                Y.applyUpdate(this.doc, m.data, this);
            }
        }
        return messages;
    }
    kinds() { return this.read().map((m) => m.kind); }
    step1() {
        this.socket.receive((e) => {
            encoding.writeVarUint(e, 0);
            sync.writeSyncStep1(e, this.doc);
        });
    }
    step2(vector) {
        this.socket.receive((e) => {
            encoding.writeVarUint(e, 0);
            sync.writeSyncStep2(e, this.doc, vector);
        });
    }
    // Both directions of the first exchange; what the client still lacks is derived from its step 1.
    exchange() {
        const vector = this.read().find((m) => m.kind === "step1")?.data;
        this.step1();
        this.step2(vector);
        this.read();
        return this;
    }
    saved(n = this.got) {
        this.socket.receive((e) => {
            encoding.writeVarUint(e, 100);
            encoding.writeVarUint(e, n);
        });
    }
    failing(on) {
        this.socket.receive((e) => {
            encoding.writeVarUint(e, 101);
            encoding.writeVarUint(e, on ? 1 : 0);
        });
    }
    update(change) {
        let update;
        const take = (u) => { update = u; };
        this.doc.on("update", take);
        change(this.doc.getText("bytecrowdText"));
        this.doc.off("update", take);
        this.socket.receive((e) => {
            encoding.writeVarUint(e, 0);
            sync.writeUpdate(e, update);
        });
    }
}

// A provider on a socket of the fake kind; it is destroyed when the test ends.
export function provide(t, { random = () => 1, doc = new Y.Doc(), watch } = {}) {
    Socket.all = [];
    const provider = new page.provider.Provider("ws://test/ws/room?receipts=1", doc, { WebSocket: Socket, random, watch });
    const states = [];
    provider.onstatus = (s) => states.push(s.save);
    t.after(() => {
        provider.destroy();
        doc.destroy();
        clock.timers.clear();
    });
    return { provider, doc, text: doc.getText("bytecrowdText"), states };
}
