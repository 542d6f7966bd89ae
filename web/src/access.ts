// Who may open this bytecrowd and who is asking, as GET /api/access tells it.

export interface Account {
    name: string;
    email: string; // "" : none that the provider vouches for
}

export interface SignIn {
    id: string;
    name: string;
}

export interface Access {
    signIn: SignIn[]; // none: there is no signing in here, and the page does not speak of it
    user: Account | null;
    restricted: boolean;
    may: "edit" | "nothing";
    emails: string[]; // who may, if it is restricted
}

// As on a server without sign-in, which is also what is taken for true if the question fails.
export const UNKNOWN: Access = { signIn: [], user: null, restricted: false, may: "edit", emails: [] };

type Fields = Record<string, unknown>;

const fields = (value: unknown): Fields => (typeof value === "object" && value !== null ? (value as Fields) : {});
const string = (value: unknown): string => (typeof value === "string" ? value.trim() : "");
const array = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

export function readAccount(value: unknown): Account | null {
    const { name, email } = fields(value);
    const address = string(email);
    const called = string(name) || address.split("@")[0];
    return called ? { name: called, email: address } : null;
}

const readSignIn = (value: unknown): SignIn => {
    const { id, name } = fields(value);
    return { id: string(id), name: string(name) || string(id) };
};

export function readAccess(value: unknown): Access {
    const { signIn, user, restricted, may, emails } = fields(value);
    return {
        signIn: array(signIn).map(readSignIn).filter((p) => p.id),
        user: readAccount(user),
        restricted: restricted === true,
        may: may === "nothing" ? "nothing" : "edit",
        emails: array(emails).map(string).filter(Boolean),
    };
}

async function ask(url: string): Promise<unknown> {
    try {
        const answer = await fetch(url, { cache: "no-store" });
        return answer.ok ? await answer.json() : null;
    } catch {
        return null;
    }
}

// Null: nobody knows.
export async function askAccess(name: string): Promise<Access | null> {
    const answer = await ask(`/api/access?name=${encodeURIComponent(name)}`);
    return answer ? readAccess(answer) : null;
}

// Asking also makes a session that is used last longer.
export async function askSession(): Promise<Account | null> {
    return readAccount(fields(await ask("/api/auth/session")).user);
}

// Null: nobody knows.
export async function askProviders(): Promise<SignIn[] | null> {
    const answer = await ask("/api/auth/providers");
    return answer ? Object.values(fields(answer)).map(readSignIn).filter((p) => p.id) : null;
}
