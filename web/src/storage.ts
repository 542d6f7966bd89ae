// What this browser remembers. Storage can be forbidden or full: then nothing is remembered, and
// nothing else changes.

export function recall<T>(key: string, fallback: T): T {
    try {
        const text = localStorage.getItem(`bytecrowds:${key}`);
        return text === null ? fallback : (JSON.parse(text) as T);
    } catch {
        return fallback;
    }
}

export function remember(key: string, value: unknown): void {
    try {
        localStorage.setItem(`bytecrowds:${key}`, JSON.stringify(value));
    } catch {
        return;
    }
}

export function forget(key: string): void {
    try {
        localStorage.removeItem(`bytecrowds:${key}`);
    } catch {
        return;
    }
}

export interface Recent {
    name: string;
    time: number;
    language: string;
}

export const RECENT_MAX = 12;

export function recents(): Recent[] {
    const list = recall<unknown>("recent", []);
    if (!Array.isArray(list)) return [];
    return list.filter((r): r is Recent => typeof r?.name === "string" && typeof r?.time === "number");
}

export function addRecent(name: string, language: string): void {
    const others = recents().filter((r) => r.name !== name);
    remember("recent", [{ name, time: Date.now(), language }, ...others].slice(0, RECENT_MAX));
}
