// Connection and saving, said in words. Never says more than the server has confirmed.
import { byId } from "./dom";
import type { Provider, Status } from "./provider";

// "Saving…" for less than this is not shown.
const FLICKER_MS = 300;

function words(s: Status): string {
    switch (s.save) {
        case "connecting":
            return "Connecting…";
        case "saving":
            return s.loaded ? "Saving…" : "Opening…";
        case "saved":
            return "Saved";
        case "store-failing":
            return "Not saved – storage unreachable, retrying";
        case "refused":
            return s.unsaved ? "Disconnected – last changes not saved" : "Disconnected";
        case "offline":
            if (!s.loaded) return "Cannot be opened yet – retrying";
            return s.unsaved ? "Offline – changes are kept in this tab" : "Offline – reconnecting";
    }
}

function why(s: Status): string {
    if (s.code === 4401) return "You need to sign in again to go on.";
    if (s.code === 4403) return "You are not allowed into this bytecrowd.";
    if (s.code === 4404) return "This bytecrowd is gone.";
    if (s.code === 4413) return "This bytecrowd is full: it can't take what was written last. Copy what you need.";
    return s.reason || `The server closed the connection (${s.code}).`;
}

export function showState(provider: Provider, changed: (s: Status) => void): void {
    const state = byId("state");
    let timer: ReturnType<typeof setTimeout> | undefined;

    const show = (): void => {
        clearTimeout(timer);
        timer = undefined;
        const s = provider.status;
        state.dataset.state = s.save;
        const text = words(s);
        if (byId("state-text").textContent !== text) byId("state-text").textContent = text;
        const notice = byId("notice");
        notice.hidden = s.save !== "refused";
        if (s.save === "refused") byId("notice-text").textContent = why(s);
        changed(s);
    };
    provider.onstatus = (s) => {
        if (s.save === "saving" && state.dataset.state === "saved") timer ??= setTimeout(show, FLICKER_MS);
        else show();
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
