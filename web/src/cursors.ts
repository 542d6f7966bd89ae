// Other people's cursors and selections, and one's own sent to them.
//
// The awareness fields are those of y-codemirror.next, so that its users and ours see each other:
// `cursor` {anchor, head} as relative positions, `user` {name, color, colorLight}.
import { Annotation, type Extension, RangeSet } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, ViewPlugin, type ViewUpdate, WidgetType } from "@codemirror/view";
import type { Awareness } from "y-protocols/awareness";
import * as Y from "yjs";
import { checkMark, element } from "./dom";
import { cleanName, inkOn } from "./names";

export interface Person {
    id: number;
    name: string;
    color: string;
    email: string; // of those who are verified
    verified: boolean; // the server says so: nobody can say it of themselves
    self: boolean;
}

const COLOR = /^(#[0-9a-f]{3,8}|(rgb|hsl)a?\([0-9\s.,%/deg]{1,40}\))$/i;

// How long a name stays beside a cursor that has moved.
const LABEL_MS = 2500;

export function person(awareness: Awareness, id: number): Person {
    const user = (awareness.getStates().get(id)?.user ?? {}) as Record<string, unknown>;
    const name = (typeof user.name === "string" && cleanName(user.name)) || "Somebody";
    const verified = user.verified === true;
    const email = verified && typeof user.email === "string" ? user.email : "";
    const color = typeof user.color === "string" && COLOR.test(user.color) ? user.color : "#5c6370";
    return { id, name, color, email, verified, self: id === awareness.clientID };
}

// Where somebody's selection is in the text now; null if it is not there.
export function cursorOf(awareness: Awareness, text: Y.Text, id: number): { anchor: number; head: number } | null {
    const cursor = awareness.getStates().get(id)?.cursor as { anchor?: unknown; head?: unknown } | null | undefined;
    if (!cursor?.anchor || !cursor.head || !text.doc) return null;
    try {
        const place = (json: unknown) =>
            Y.createAbsolutePositionFromRelativePosition(Y.createRelativePositionFromJSON(json), text.doc!);
        const anchor = place(cursor.anchor);
        const head = place(cursor.head);
        if (anchor?.type !== text || head?.type !== text) return null;
        return { anchor: anchor.index, head: head.index };
    } catch {
        return null; // another program's idea of a cursor
    }
}

class Caret extends WidgetType {
    constructor(
        readonly who: Person,
        readonly place: string, // changes when the cursor moved of itself, and shows the name again
        readonly below: boolean,
        readonly fresh: boolean,
    ) {
        super();
    }
    override eq(other: Caret): boolean {
        const { name, color, id, verified } = this.who;
        return id === other.who.id && name === other.who.name && color === other.who.color && verified === other.who.verified &&
            this.place === other.place && this.below === other.below && this.fresh === other.fresh;
    }
    override toDOM(): HTMLElement {
        const caret = document.createElement("span");
        caret.className = "cm-peer" + (this.below ? " cm-peer-below" : "") + (this.fresh ? " cm-peer-fresh" : "");
        caret.style.setProperty("--peer", this.who.color);
        caret.style.setProperty("--peer-ink", inkOn(this.who.color));
        const label = element("span", "cm-peer-name");
        label.append(element("span", "", this.who.name), ...(this.who.verified ? [checkMark()] : []));
        label.setAttribute("aria-hidden", "true");
        // Word joiners keep a line from breaking between the caret and what follows it.
        caret.append("\u2060", label, "\u2060");
        return caret;
    }
    override get estimatedHeight(): number {
        return -1;
    }
    override ignoreEvent(): boolean {
        return true;
    }
}

const peersMoved = Annotation.define<boolean>();

// Names over each other; the last row is not shown.
const ROWS_MAX = 3;

interface Place {
    caret: Element;
    left: boolean;
    row: number;
}

interface Seen {
    place: string;
    at: number;
}

class Cursors {
    decorations: DecorationSet = Decoration.none;
    private readonly seen = new Map<number, Seen>();
    private expiry: ReturnType<typeof setTimeout> | undefined;

    constructor(
        private readonly view: EditorView,
        private readonly awareness: Awareness,
        private readonly text: Y.Text,
    ) {
        awareness.on("change", this.moved);
        this.draw();
    }

    private moved = ({ added, updated, removed }: Record<"added" | "updated" | "removed", number[]>): void => {
        if ([...added, ...updated, ...removed].some((id) => id !== this.awareness.clientID))
            this.view.dispatch({ annotations: peersMoved.of(true) });
    };

    update(update: ViewUpdate): void {
        if (update.selectionSet || update.docChanged || update.focusChanged) this.publish(update);
        if (update.docChanged || update.transactions.some((t) => t.annotation(peersMoved))) this.draw();
    }

    // Leaving the window keeps the cursor where it is: others still want to see where that was.
    private publish(update: ViewUpdate): void {
        const { anchor, head } = update.state.selection.main;
        const length = this.text.length;
        // Inside an update the shared text may still be behind; the next update tells.
        if (!this.awareness.getLocalState() || Math.max(anchor, head) > length) return;
        const before = this.awareness.getLocalState()?.cursor as { anchor: unknown; head: unknown } | undefined;
        if (!before && !update.view.hasFocus) return;
        const cursor = {
            anchor: Y.createRelativePositionFromTypeIndex(this.text, anchor),
            head: Y.createRelativePositionFromTypeIndex(this.text, head),
        };
        if (JSON.stringify(before) !== JSON.stringify(cursor)) this.awareness.setLocalStateField("cursor", cursor);
    }

    private fresh(id: number, now: number): { place: string; fresh: boolean } {
        const place = JSON.stringify(this.awareness.getStates().get(id)?.cursor);
        const seen = this.seen.get(id);
        if (seen?.place !== place) this.seen.set(id, { place, at: now });
        return { place, fresh: now - this.seen.get(id)!.at < LABEL_MS };
    }

    private draw(): void {
        const doc = this.view.state.doc;
        const now = Date.now();
        const ranges = [];
        let again = false;
        for (const id of this.awareness.getStates().keys()) {
            if (id === this.awareness.clientID) continue;
            const cursor = cursorOf(this.awareness, this.text, id);
            if (!cursor) continue;
            const head = Math.min(cursor.head, doc.length);
            const anchor = Math.min(cursor.anchor, doc.length);
            const who = person(this.awareness, id);
            const { place, fresh } = this.fresh(id, now);
            again ||= fresh;
            if (head !== anchor) {
                const style = `background-color: color-mix(in srgb, ${who.color} 30%, transparent)`;
                const mark = Decoration.mark({ class: "cm-peer-selection", attributes: { style } });
                ranges.push(mark.range(Math.min(head, anchor), Math.max(head, anchor)));
            }
            const widget = new Caret(who, place, doc.lineAt(head).number === 1, fresh);
            // In an empty text the placeholder stands there too, and belongs behind the caret.
            ranges.push(Decoration.widget({ widget, side: head > anchor || !doc.length ? -1 : 1 }).range(head));
        }
        this.decorations = RangeSet.of(ranges, true);
        if (ranges.length) this.view.requestMeasure(this.placeNames);
        clearTimeout(this.expiry);
        if (again) this.expiry = setTimeout(() => this.view.dispatch({ annotations: peersMoved.of(true) }), LABEL_MS);
    }

    // Names stand to the right of their carets, but not beyond the edge, and not on one another.
    private readonly placeNames = {
        read: (view: EditorView): Place[] => {
            const edge = view.scrollDOM.getBoundingClientRect().right;
            const shown: { line: number; from: number; to: number; row: number }[] = [];
            return [...view.contentDOM.querySelectorAll(".cm-peer")].map((caret) => {
                const width = caret.querySelector(".cm-peer-name")?.getBoundingClientRect().width ?? 0;
                const at = caret.getBoundingClientRect();
                const left = at.left + width > edge;
                if (!caret.classList.contains("cm-peer-fresh")) return { caret, left, row: 0 };
                const from = left ? at.left - width : at.left;
                const name = { line: Math.round(at.top), from, to: from + width, row: 0 };
                const taken = shown.filter((o) => Math.abs(o.line - name.line) < 4 && o.from < name.to && name.from < o.to).map((o) => o.row);
                while (name.row < ROWS_MAX && taken.includes(name.row)) name.row++;
                shown.push(name);
                return { caret, left, row: name.row };
            });
        },
        write: (places: Place[]): void => {
            for (const { caret, left, row } of places) {
                caret.classList.toggle("cm-peer-left", left);
                for (let i = 1; i <= ROWS_MAX; i++) caret.classList.toggle(`cm-peer-up${i}`, row === i);
            }
        },
    };

    destroy(): void {
        clearTimeout(this.expiry);
        this.awareness.off("change", this.moved);
    }
}

export const cursors = (awareness: Awareness, text: Y.Text): Extension =>
    ViewPlugin.define((view) => new Cursors(view, awareness, text), { decorations: (c) => c.decorations });
