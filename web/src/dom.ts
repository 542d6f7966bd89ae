// The few things that both pages do with the page itself.

export function byId<T extends HTMLElement>(id: string): T {
    const found = document.getElementById(id);
    if (!found) throw new Error(`the page has no #${id}`);
    return found as T;
}

export function element(tag: string, className = "", text = ""): HTMLElement {
    const e = document.createElement(tag);
    if (className) e.className = className;
    if (text) e.textContent = text;
    return e;
}

const SVG = "http://www.w3.org/2000/svg";

// Drawn and not written, so that no name can have one.
export function checkMark(): SVGElement {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("class", "verified");
    svg.setAttribute("viewBox", "0 0 16 16");
    svg.setAttribute("aria-hidden", "true");
    const disc = document.createElementNS(SVG, "circle");
    for (const [name, value] of [["cx", "8"], ["cy", "8"], ["r", "7"]] as const) disc.setAttribute(name, value);
    const tick = document.createElementNS(SVG, "path");
    tick.setAttribute("d", "M4.7 8.4l2.2 2.2 4.4-4.9");
    svg.append(disc, tick);
    return svg;
}

let hide: ReturnType<typeof setTimeout> | undefined;

// A short message at the foot of the page.
export function say(message: string, ms = 2500): void {
    const toast = byId("toast");
    toast.textContent = message;
    toast.classList.add("shown");
    clearTimeout(hide);
    hide = setTimeout(() => toast.classList.remove("shown"), ms);
}

// Plain http has no navigator.clipboard.
function copyBySelection(value: string): boolean {
    const area = document.createElement("textarea");
    area.value = value;
    area.className = "offscreen";
    const focused = document.activeElement;
    // All but an open dialog is out of reach.
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    let done = false;
    try {
        done = document.execCommand("copy");
    } catch {
        done = false;
    }
    area.remove();
    if (focused instanceof HTMLElement) focused.focus();
    return done;
}

// False: the browser refuses both ways.
export async function copy(value: string): Promise<boolean> {
    try {
        await navigator.clipboard.writeText(value);
        return true;
    } catch {
        return copyBySelection(value);
    }
}
