// Names of bytecrowds and of people.

export const NAME_MAX = 128;

const NAME = /^[A-Za-z0-9._-]+$/;
// What the server answers itself at these addresses (src/server/name.c).
const RESERVED = new Set(
    (". .. admin about analytics api assets auth error favicon.ico favicon.svg healthz help index.html metrics " +
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

// Colours that carry white text and can be told from each other on both themes' backgrounds.
export const COLORS = ["#d9480f", "#c2255c", "#9c36b5", "#6741d9", "#3b5bdb", "#1971c2", "#0b7285", "#087f5b", "#2b8a3e", "#b35c00"];

export const randomColor = (): string => pick(COLORS);
