// The front page: a new bytecrowd, one by its name, and those opened here before.
import { byId, element } from "./dom";
import { nameProblem, randomName } from "./names";
import { forget, recents, type Recent } from "./storage";

const field = byId<HTMLInputElement>("name");
const problem = byId("problem");

function complain(message: string): void {
    problem.textContent = message;
    field.setAttribute("aria-invalid", String(message !== ""));
}

byId("host").textContent = location.host + "/";
byId("new").addEventListener("click", () => location.assign("/" + randomName()));
field.addEventListener("input", () => complain(field.value === "" ? "" : nameProblem(field.value.trim())));
byId("open").addEventListener("submit", (event) => {
    event.preventDefault();
    const name = field.value.trim();
    const wrong = nameProblem(name);
    complain(wrong);
    if (wrong) field.focus();
    else location.assign("/" + name);
});

function ago(time: number): string {
    const minutes = Math.round((Date.now() - time) / 60_000);
    if (minutes < 1) return "just now";
    if (minutes < 60) return `${minutes} min ago`;
    if (minutes < 24 * 60) return `${Math.round(minutes / 60)} h ago`;
    return new Date(time).toLocaleDateString();
}

function item(r: Recent): HTMLElement {
    const li = element("li");
    const link = element("a") as HTMLAnchorElement;
    link.href = "/" + encodeURIComponent(r.name);
    link.append(element("b", "", r.name), element("span", "", `${r.language} · ${ago(r.time)}`));
    li.append(link);
    return li;
}

function showRecents(): void {
    const list = recents();
    byId("recent").hidden = list.length === 0;
    byId("recent-list").replaceChildren(...list.map(item));
}

byId("forget").addEventListener("click", () => {
    forget("recent");
    showRecents();
});
// Also when the browser brings the page back from its cache.
addEventListener("pageshow", showRecents);
