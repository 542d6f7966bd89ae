// Keeps one Yjs document in step with the server over a WebSocket, and knows whether what was
// written here is safely stored.
//
// The server pays receipts (message 100): the first n sync messages of kinds step 2 and update that
// went out on this connection are durable. "Saved" is said only when every one of them is.
//
// Never touches the page: the caller shows `status`, and calls `wake` and `probe` when the browser
// says that the network may have changed.
//
// Trying again never ends by itself, except where it cannot help: codes 4400-4499, a change that is
// too large (1009), and a server that closes with a protocol error time after time.
import * as decoding from "lib0/decoding";
import * as encoding from "lib0/encoding";
import { applyAwarenessUpdate, Awareness, encodeAwarenessUpdate, removeAwarenessStates } from "y-protocols/awareness";
import * as sync from "y-protocols/sync";
import * as Y from "yjs";

const SYNC = 0;
const AWARENESS = 1;
const AUTH = 2;
const QUERY_AWARENESS = 3;
const SAVED = 100;
const STORE_STATE = 101;

export const LIMITS = {
    backoffFirst: 100,
    backoffLast: 5000,
    connect: 10_000, // a socket that has not opened by then is given up
    quiet: 45_000, // nothing received for so long: ask for a sign of life
    wake: 5_000, // the same, when the browser says that somebody is back
    answer: 10_000, // and give up if there is none within this
    check: 5_000,
    steady: 10_000, // a connection that lived so long was a good one
    strikes: 4, // protocol errors in a row
};

export type Connection = "connecting" | "online" | "offline" | "refused";

export type SaveState =
    | "connecting" // the first connection is not up yet
    | "saving"
    | "saved"
    | "store-failing" // the server holds the changes but cannot store them now; it keeps trying
    | "offline"
    | "refused"; // the server does not want us; `reason` says why

export interface Status {
    connection: Connection;
    save: SaveState;
    // Something written here is not known to be stored.
    unsaved: boolean;
    // The document has been here whole, at least once.
    loaded: boolean;
    // By a read-only link: nothing is written here.
    watching: boolean;
    code: number;
    reason: string;
}

export interface Options {
    WebSocket?: new (url: string, protocols?: string[]) => WebSocket;
    random?: () => number;
    // The token of a read-only link: nothing of the document is sent, and no receipts come. With "", which is
    // none, no connection is tried.
    watch?: string;
}

type Send = (encoder: encoding.Encoder) => void;

const TOO_BIG = 1009;
export const NOT_ALLOWED = 4401;
const PROTOCOL_ERRORS = [1002, 1003, 1007];

export class Provider {
    readonly awareness: Awareness;
    onstatus: (status: Status) => void = () => {};
    // Once, when the document first has everything that the server has.
    onsynced: () => void = () => {};

    private socket: WebSocket | null = null;
    private connection: Connection = "connecting";
    private attempts = 0;
    private retry: ReturnType<typeof setTimeout> | undefined;
    private opening: ReturnType<typeof setTimeout> | undefined;
    private readonly checking: ReturnType<typeof setInterval>;
    private readonly watching: boolean;
    private awaited: ReturnType<typeof setTimeout> | undefined; // a sign of life
    private since = 0; // when it was opened, in ms
    private received = 0; // when, in ms
    private checked = 0; // when, in ms
    private strikes = 0;
    private closed = false;
    private loaded = false;

    // Of this connection:
    private synced = false; // the server's step 2 is here
    private answered = false; // our step 2 is out
    private sent = 0;
    private acked = 0;
    private storeFailing = false;

    // Written here and not known to be stored when the connection before this one ended, or since.
    private carried = false;
    private code = 0;
    private reason = "";
    private last = "";

    constructor(
        private readonly url: string,
        readonly doc: Y.Doc,
        private readonly options: Options = {},
    ) {
        this.awareness = new Awareness(doc);
        doc.on("update", this.documentChanged);
        this.awareness.on("update", this.awarenessChanged);
        this.checked = Date.now();
        this.checking = setInterval(this.check, LIMITS.check);
        this.watching = options.watch !== undefined;
        if (options.watch === "") {
            this.connection = "refused";
            this.code = NOT_ALLOWED;
        } else {
            this.connect();
        }
    }

    get status(): Status {
        const { connection, loaded, watching, code, reason } = this;
        return { connection, save: this.saveState(), unsaved: this.unsaved(), loaded, watching, code, reason };
    }

    // Somebody is back, or the network is: connects at once if it is only waiting for the next try,
    // and makes sure that a connection which has been silent is still one.
    wake = (): void => {
        if (this.closed || this.connection === "refused") return;
        if (this.socket) {
            if (Date.now() - this.received >= LIMITS.wake) this.probe();
            return;
        }
        this.attempts = 0;
        this.connect();
    };

    // Asks for a sign of life now, for when the network is said to have gone away.
    probe = (): void => {
        if (this.socket?.readyState !== 1 || this.awaited) return;
        this.awaited = setTimeout(() => this.drop(), LIMITS.answer);
        this.send((e) => encoding.writeVarUint(e, QUERY_AWARENESS));
        this.sendAwareness([this.doc.clientID]);
    };

    destroy(): void {
        this.closed = true;
        this.onstatus = () => {};
        clearTimeout(this.retry);
        clearInterval(this.checking);
        removeAwarenessStates(this.awareness, [this.doc.clientID], "destroy");
        this.doc.off("update", this.documentChanged);
        this.awareness.off("update", this.awarenessChanged);
        this.awareness.destroy();
        this.drop();
    }

    // --- state -----------------------------------------------------------------------------------

    private complete(): boolean {
        if (this.connection !== "online" || !this.synced) return false;
        return this.watching || (this.answered && this.acked === this.sent);
    }

    private unsaved(): boolean {
        return this.carried || this.acked !== this.sent;
    }

    private saveState(): SaveState {
        if (this.connection !== "online") return this.connection;
        // Open is not yet back: a server without its store takes sockets and closes them again.
        if (!this.synced && this.code) return "offline";
        if (this.storeFailing) return "store-failing";
        return this.complete() ? "saved" : "saving";
    }

    private changed(): void {
        if (this.complete()) {
            this.carried = false;
            this.attempts = this.strikes = 0;
        }
        const status = this.status;
        const key = JSON.stringify(status);
        if (key === this.last) return;
        this.last = key;
        this.onstatus(status);
    }

    // --- the connection --------------------------------------------------------------------------

    private connect(): void {
        clearTimeout(this.retry);
        const Socket = this.options.WebSocket ?? WebSocket;
        const { watch } = this.options;
        const socket = watch ? new Socket(this.url, ["bytecrowds.watch", `bytecrowds.watch.${watch}`]) : new Socket(this.url);
        this.socket = socket;
        socket.binaryType = "arraybuffer";
        socket.onopen = () => this.opened(socket);
        socket.onmessage = (e) => this.message(socket, e);
        socket.onclose = (e) => this.lost(socket, e.code, e.reason);
        this.opening = setTimeout(() => this.abandon(socket), LIMITS.connect);
        this.changed();
    }

    private opened(socket: WebSocket): void {
        if (socket !== this.socket) return;
        clearTimeout(this.opening);
        this.connection = "online";
        this.synced = this.answered = this.storeFailing = false;
        this.sent = this.acked = 0;
        this.since = this.received = Date.now();
        this.send((e) => {
            encoding.writeVarUint(e, SYNC);
            sync.writeSyncStep1(e, this.doc);
        });
        // A new clock, because the server and others took this client as gone under the old one.
        const state = this.awareness.getLocalState();
        if (state) this.awareness.setLocalState(state);
        this.changed();
    }

    private lost(socket: WebSocket, code: number, reason: string): void {
        if (socket !== this.socket) return;
        this.socket = null;
        clearTimeout(this.opening);
        this.heard();
        if (this.connection === "online" && Date.now() - this.since >= LIMITS.steady) this.attempts = 0;
        this.carried ||= this.acked !== this.sent;
        this.sent = this.acked = 0;
        this.synced = this.answered = this.storeFailing = false;
        this.code = code;
        this.reason = reason;
        const others = [...this.awareness.getStates().keys()].filter((id) => id !== this.doc.clientID);
        removeAwarenessStates(this.awareness, others, this);
        // With their clocks: or who does not move would not be seen again before they renew themselves.
        for (const id of others) this.awareness.meta.delete(id);
        if (this.final(code)) {
            this.connection = "refused";
        } else if (!this.closed) {
            this.connection = "offline";
            this.retry = setTimeout(() => this.connect(), this.backoff());
        }
        this.changed();
    }

    // Whether trying again cannot help.
    private final(code: number): boolean {
        if (PROTOCOL_ERRORS.includes(code)) return ++this.strikes >= LIMITS.strikes;
        return code === TOO_BIG || (code >= 4400 && code <= 4499);
    }

    private heard(): void {
        clearTimeout(this.awaited);
        this.awaited = undefined;
    }

    private backoff(): number {
        const full = Math.min(LIMITS.backoffLast, LIMITS.backoffFirst * 2 ** this.attempts++);
        return full * (0.5 + 0.5 * (this.options.random ?? Math.random)());
    }

    // Gives up a socket without waiting for its closing handshake, which a dead network never ends.
    private abandon(socket: WebSocket): void {
        socket.onopen = socket.onmessage = socket.onclose = null;
        socket.close();
        this.lost(socket, 1006, "");
    }

    private drop(): void {
        if (this.socket) this.abandon(this.socket);
    }

    private check = (): void => {
        const now = Date.now();
        const slept = now - this.checked >= 4 * LIMITS.check;
        this.checked = now;
        if (slept) this.wake();
        else if (now - this.received >= LIMITS.quiet) this.probe();
    };

    // --- out -------------------------------------------------------------------------------------

    private send(write: Send): boolean {
        if (this.socket?.readyState !== 1) return false;
        const encoder = encoding.createEncoder();
        write(encoder);
        this.socket.send(encoding.toUint8Array(encoder));
        return true;
    }

    private sendAwareness(clients: number[]): void {
        if (this.connection !== "online") return;
        const known = clients.filter((id) => this.awareness.meta.has(id));
        if (!known.length) return;
        this.send((e) => {
            encoding.writeVarUint(e, AWARENESS);
            encoding.writeVarUint8Array(e, encodeAwarenessUpdate(this.awareness, known));
        });
    }

    private documentChanged = (update: Uint8Array, origin: unknown): void => {
        if (origin === this || this.watching) return;
        const out = this.send((e) => {
            encoding.writeVarUint(e, SYNC);
            sync.writeUpdate(e, update);
        });
        if (out) this.sent++;
        else this.carried = true;
        this.changed();
    };

    private awarenessChanged = (
        { added, updated, removed }: { added: number[]; updated: number[]; removed: number[] },
    ): void => {
        const own = this.doc.clientID;
        if ([...added, ...updated, ...removed].includes(own)) this.sendAwareness([own]);
    };

    // --- in --------------------------------------------------------------------------------------

    private message(socket: WebSocket, event: MessageEvent): void {
        if (socket !== this.socket) return;
        this.received = Date.now();
        this.heard();
        if (!(event.data instanceof ArrayBuffer)) return;
        try {
            const decoder = decoding.createDecoder(new Uint8Array(event.data));
            while (decoding.hasContent(decoder) && this.read(decoder));
        } catch (error) {
            console.error("bytecrowds: the server sent something unreadable", error);
            socket.close();
            return;
        }
        this.changed();
    }

    // False: the rest of the frame is of a kind not known here.
    private read(decoder: decoding.Decoder): boolean {
        switch (decoding.readVarUint(decoder)) {
            case SYNC:
                this.readSync(decoder);
                return true;
            case AWARENESS:
                applyAwarenessUpdate(this.awareness, decoding.readVarUint8Array(decoder), this);
                return true;
            case AUTH:
                decoding.readVarUint(decoder);
                console.warn("bytecrowds: permission denied:", decoding.readVarString(decoder));
                return true;
            case QUERY_AWARENESS:
                this.sendAwareness([...this.awareness.getStates().keys()]);
                return true;
            case SAVED:
                this.acked = Math.min(this.sent, Math.max(this.acked, decoding.readVarUint(decoder)));
                return true;
            case STORE_STATE:
                this.storeFailing = decoding.readVarUint(decoder) !== 0;
                return true;
            default:
                return false;
        }
    }

    private readSync(decoder: decoding.Decoder): void {
        switch (decoding.readVarUint(decoder)) {
            case sync.messageYjsSyncStep1: {
                const vector = decoding.readVarUint8Array(decoder);
                if (this.watching) break;
                const out = this.send((e) => {
                    encoding.writeVarUint(e, SYNC);
                    sync.writeSyncStep2(e, this.doc, vector);
                });
                if (out) {
                    this.sent++;
                    this.answered = true;
                }
                break;
            }
            case sync.messageYjsSyncStep2:
                Y.applyUpdate(this.doc, decoding.readVarUint8Array(decoder), this);
                this.synced = true;
                this.code = 0;
                this.reason = "";
                if (!this.loaded) {
                    this.loaded = true;
                    this.onsynced();
                }
                break;
            case sync.messageYjsUpdate:
                Y.applyUpdate(this.doc, decoding.readVarUint8Array(decoder), this);
                break;
            default:
                throw new Error("unknown sync message");
        }
    }
}
