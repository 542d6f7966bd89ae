// What the address in the browser's bar asks for.
import { nameProblem } from "./names";

export type Address = { watching: false; name: string } | { watching: true; token: string };

const WATCH = "~watch";
// What can be offered as a subprotocol; anything longer is no link of ours.
const TOKEN = /^[A-Za-z0-9_-]{1,200}$/;

// The token of a read-only link stands behind the `#`, which no server is sent. "" if it is not there whole.
export function readAddress({ pathname, hash }: { pathname: string; hash: string }): Address {
    const name = decodeURIComponent(pathname.slice(1));
    if (name !== WATCH) return { watching: false, name };
    const token = hash.slice(1);
    return { watching: true, token: TOKEN.test(token) ? token : "" };
}

// The bytecrowd that the page for those who are not let in is about; "" if it is none.
export function deniedName(query: string): string {
    const name = new URLSearchParams(query).get("page") ?? "";
    return nameProblem(name) ? "" : name;
}

// Where somebody is led who has signed in: on this server, and nowhere else.
export function wayBack(query: string, origin: string): string {
    try {
        const url = new URL(new URLSearchParams(query).get("callbackUrl") || "/", origin);
        if (url.origin === origin) return url.href;
    } catch {
        return origin + "/";
    }
    return origin + "/";
}
