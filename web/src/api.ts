// Requests that change something, and what people are told when one fails.
import type { Account } from "./access";
import { sentence } from "./words";

// The server's own words are for people; whatever stands between it and the page may answer with a page of HTML.
async function failure(answer: Response): Promise<Error> {
    const plain = answer.headers.get("content-type")?.startsWith("text/plain");
    const words = plain ? (await answer.text()).trim().slice(0, 400) : "";
    const wait = Number(answer.headers.get("retry-after"));
    const later = answer.status === 429 && wait > 0 ? ` Try again in ${wait} s.` : "";
    return new Error(sentence(words || `The server answered ${answer.status}`) + later);
}

export async function request(url: string, init: RequestInit = {}): Promise<Response> {
    let answer: Response;
    try {
        answer = await fetch(url, { cache: "no-store", ...init });
    } catch {
        throw new Error("The server does not answer.");
    }
    if (!answer.ok) throw await failure(answer);
    return answer;
}

export const post = (url: string, body: unknown): Promise<Response> =>
    request(url, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

// Where the server says to go next; the page never goes anywhere but to a web page.
async function follow(url: string, form: Record<string, string>): Promise<void> {
    const { csrfToken } = (await (await request("/api/auth/csrf")).json()) as { csrfToken?: string };
    const body = new URLSearchParams({ ...form, csrfToken: csrfToken ?? "", json: "true" });
    const answer = (await (await request(url, { method: "POST", body })).json()) as { url?: unknown };
    const next = new URL(typeof answer.url === "string" ? answer.url : form.callbackUrl!, location.href);
    if (!/^https?:$/.test(next.protocol)) throw new Error("The server named no page to go to.");
    // The present address with a `#` in it would only be scrolled to.
    if (next.href.split("#")[0] === location.href.split("#")[0]) location.reload();
    else location.assign(next);
}

export const signIn = (provider: string, back: string): Promise<void> =>
    follow(`/api/auth/signin/${encodeURIComponent(provider)}`, { callbackUrl: back });

export const signOut = (back: string, everywhere = false): Promise<void> =>
    follow("/api/auth/signout", { callbackUrl: back, ...(everywhere && { everywhere: "true" }) });

export const who = ({ name, email }: Account): string => (email && email !== name ? `${name} (${email})` : name);
