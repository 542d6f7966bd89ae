// E-mail addresses out of what somebody typed, or pasted from a mail's "To:".

const ADDRESS = /^[^\s@<>()[\]",;:\\]+@[^\s@<>()[\]",;:\\]+$/;
const LONGEST = 254;

const isAddress = (word: string): boolean => word.length <= LONGEST && ADDRESS.test(word);

export interface Emails {
    emails: string[]; // each once, in their order
    wrong: string[]; // what should have been one
}

export function readEmails(typed: string): Emails {
    const emails = new Set<string>();
    const wrong: string[] = [];
    const take = (word: string): void => {
        if (isAddress(word)) emails.add(word);
        else wrong.push(word || "<>");
    };
    // "Lovelace, Ada" <ada@example.com>: the comma in a quoted name parts nothing.
    for (const part of typed.replace(/"[^"\n]*"(?=\s*<)/g, "").split(/[,;\n]/)) {
        const words = part
            .replace(/<([^<>]*)>/g, " <$1> ")
            .split(/\s+(?![^<]*>)/)
            .filter(Boolean);
        const named = words.some((w) => w.startsWith("<"));
        for (const word of words) {
            if (word.startsWith("<")) take(word.slice(1, -1).trim());
            // Beside <...> stands a name, which need not be one word.
            else if (!named || word.includes("@")) take(word.replace(/^mailto:/i, ""));
        }
    }
    return { emails: [...emails], wrong };
}
