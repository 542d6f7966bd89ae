// The server's reasons, which begin small and end without a full stop, as sentences.
export function sentence(words: string): string {
    const text = words.trim();
    return text && text[0]!.toUpperCase() + text.slice(1) + (/[.!?…]$/.test(text) ? "" : ".");
}
