// Names of bytecrowds and of people.

export const NAME_MAX = 128;

const NAME = /^[A-Za-z0-9._-]+$/;
// What the server answers itself at these addresses (src/server/name.c).
const RESERVED = new Set(
    (". .. admin about analytics api assets auth error favicon.ico favicon.svg healthz help index.html livez metrics " +
        "new raw robots.txt sitemap.xml static stats ws editor.html error.html manifest.json manifest.webmanifest").split(" "),
);

// What is wrong with a bytecrowd's name, or "" if it can be used.
export function nameProblem(name: string): string {
    if (name === "") return "Type a name first.";
    if (!NAME.test(name)) return "Only letters, digits and - _ . can be used.";
    if (name.length > NAME_MAX) return `That is ${name.length} characters; ${NAME_MAX} is the most.`;
    if (RESERVED.has(name)) return `“${name}” is used by the server itself. Choose another one.`;
    return "";
}

// 128 bits that nobody can guess, as 22 characters of base64url.
export function randomName(): string {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

const ADJECTIVES = "Quiet Brave Gentle Swift Clever Sunny Calm Curious Merry Patient Bright Cosy Nimble Witty Bold Kind Lucky Mellow Keen Dapper".split(" ");
const ANIMALS = "Otter Heron Fox Badger Lynx Wren Hedgehog Marten Owl Hare Beaver Robin Seal Ibex Puffin Newt Magpie Moose Finch Dolphin".split(" ");

const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T;

export const randomPerson = (): string => `${pick(ADJECTIVES)} ${pick(ANIMALS)}`;

export const PERSON_MAX = 32;

// Signs that would pass for the mark of somebody whom the server knows, and what hides or turns around letters.
const MARKS = /[\u221a\u237b\u23b7\u2611\u2705\u2713\u2714\uaa9c\u{1f5f8}\u{1f5f9}\u{1fbb1}][\ufe0e\ufe0f]?/gu;
const HIDDEN = /[\p{Cc}\p{Co}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu;

// A person's name as it is shown; "" if nothing is left of it.
export function cleanName(name: string): string {
    const plain = name.replace(/\s/g, " ").replace(HIDDEN, "").replace(MARKS, "").replace(/ +/g, " ").trim();
    return [...plain].slice(0, PERSON_MAX).join("").trim();
}

export function initials(name: string): string {
    const words = name.split(/\s+/).filter(Boolean);
    const letters = words.length > 1 ? [words[0], words[words.length - 1]] : [words[0]];
    return letters.map((w) => [...(w ?? "?")][0]).join("").toUpperCase();
}

// Who somebody is where words alone have to say it: no name that somebody gave themselves reads as verified.
export function titleOf({ name, email, verified }: { name: string; email: string; verified: boolean }): string {
    if (verified) return email && email !== name ? `${name} (${email}, verified)` : `${name} (verified)`;
    return /[@()]|verified/i.test(name.normalize("NFKC")) ? `“${name}” (not signed in)` : name;
}

// Colours that carry white text and can be told from each other on both themes' backgrounds.
export const COLORS = ["#c4400c", "#c2255c", "#9c36b5", "#6741d9", "#3b5bdb", "#1971c2", "#0b7285", "#087f5b", "#237d36", "#a85600"];

export const randomColor = (): string => pick(COLORS);

// Relative luminance as WCAG 2 has it; other notations than #rgb and #rrggbb are taken for dark.
function luminance(color: string): number {
    const hex = /^#[0-9a-f]{3}$/i.test(color) ? color.replace(/[0-9a-f]/gi, "$&$&") : color;
    const rgb = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})/i.exec(hex);
    if (!rgb) return 0;
    const [r, g, b] = rgb.slice(1).map((two) => {
        const c = parseInt(two, 16) / 255;
        return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    }) as [number, number, number];
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

export function contrast(a: string, b: string): number {
    const [x, y] = [luminance(a), luminance(b)];
    return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

// What can be read on somebody's colour, which may be another program's choice.
export const inkOn = (color: string): string => (contrast(color, "#ffffff") >= 4.5 ? "#ffffff" : "#14171b");
