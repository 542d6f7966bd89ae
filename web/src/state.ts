// Connection and saving, said in words. Never says more than the server has confirmed.
import { byId } from "./dom";
import { NOT_ALLOWED, type Provider, type Status } from "./provider";

// "Saved" is taken back at once, and said again when it has been true for so long: whoever types sees
// a steady "Saving…" and no flicker.
const CALM_MS = 300;
// A connection that is back by then was not worth a notice.
const NOTICE_MS = 2500;

// One line for the foot of the page.
export function words(s: Status): string {
    switch (s.save) {
        case "connecting":
            return "Connecting…";
        case "saving":
            return s.loaded && !s.watching ? "Saving…" : "Opening…";
        case "saved":
            return s.watching ? "Up to date" : "Saved";
        case "store-failing":
            return "Not saved – retrying";
        case "refused":
            return s.unsaved ? "Disconnected – not saved" : "Disconnected";
        case "offline":
            if (!s.loaded) return "Cannot be opened yet – retrying";
            return s.unsaved ? "Offline – changes are kept in this tab" : "Offline – reconnecting";
    }
}

function why(s: Status): string {
    if (s.code === 4403) return "You are not allowed into this bytecrowd.";
    if (s.code === 4404) return "This bytecrowd is gone.";
    const lost = s.unsaved ? " What you wrote last has not reached anybody. Keep a copy of what you need, then reload." : "";
    if (s.code === 4413) return `This bytecrowd is full.${lost}`;
    if (s.code === 1009) return `That change is larger than this server takes in one piece.${lost}`;
    return `The server ended the connection${s.reason ? `: ${s.reason}` : ` (${s.code})`}.${lost}`;
}

export interface Notice {
    text: string;
    grave: boolean; // what is on the page may get lost
    final: boolean; // nothing will change before the page is loaded again
    keep: boolean; // there is text here that somebody may want to keep
    after: number; // to be shown if it is still so then, in ms
}

// What somebody who looks at the text and not at the foot of the page has to know; null if nothing.
export function noticeOf(s: Status): Notice | null {
    const notice = { grave: false, final: false, keep: false, after: 0 };
    switch (s.save) {
        case "refused":
            // That takes the place of the text (barred.ts).
            if (s.code === NOT_ALLOWED) return null;
            return { ...notice, text: why(s), grave: true, final: true, keep: s.loaded };
        case "store-failing":
            return { ...notice, grave: true, text: "Not saved: the server cannot reach its storage. It keeps trying; everybody here sees what you write meanwhile." };
        case "offline":
            if (!s.loaded) return { ...notice, after: NOTICE_MS, text: `This bytecrowd can’t be opened yet: ${s.reason || "the server does not answer"}. Trying again…` };
            if (s.unsaved) return { ...notice, after: NOTICE_MS, text: "Not connected. What you write is kept in this tab until the connection is back: leave it open." };
            return { ...notice, after: NOTICE_MS, text: "Not connected. You don’t see what others write now. Trying again…" };
        default:
            return null;
    }
}

// The notice between the bar and the text.
class Bar {
    private timer: ReturnType<typeof setTimeout> | undefined;
    private next: Notice | null = null;

    show(notice: Notice | null): void {
        const waits = this.timer !== undefined;
        this.next = notice;
        const visible = !byId("notice").hidden;
        // A change of words does not start the waiting again, and does not hide what is shown.
        if (notice?.after && !visible) {
            if (!waits) this.timer = setTimeout(this.draw, notice.after);
            return;
        }
        this.draw();
    }

    private draw = (): void => {
        clearTimeout(this.timer);
        this.timer = undefined;
        const notice = this.next;
        byId("notice").hidden = !notice;
        if (!notice) return;
        byId("notice").classList.toggle("grave", notice.grave);
        if (byId("notice-text").textContent !== notice.text) byId("notice-text").textContent = notice.text;
        byId("keep").hidden = !notice.keep;
        byId("retry").hidden = !notice.final;
    };
}

export function showState(provider: Provider, changed: (s: Status) => void): void {
    const state = byId("state");
    const bar = new Bar();
    let timer: ReturnType<typeof setTimeout> | undefined;

    const show = (): void => {
        clearTimeout(timer);
        timer = undefined;
        const s = provider.status;
        state.dataset.state = s.save;
        const text = words(s);
        if (byId("state-text").textContent !== text) byId("state-text").textContent = text;
        bar.show(noticeOf(s));
        changed(s);
    };
    provider.onstatus = (s) => {
        if (s.save !== "saved" || state.dataset.state !== "saving" || !s.loaded) return show();
        clearTimeout(timer);
        timer = setTimeout(show, CALM_MS);
    };
    byId("retry").addEventListener("click", () => location.reload());
    show();

    addEventListener("online", provider.wake);
    addEventListener("offline", provider.probe);
    document.addEventListener("visibilitychange", () => {
        if (document.visibilityState === "visible") provider.wake();
    });
    addEventListener("beforeunload", (event) => {
        if (!provider.status.unsaved) return;
        event.preventDefault();
        event.returnValue = "";
    });
}
