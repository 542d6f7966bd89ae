// The front page: a new bytecrowd, one by name, and those opened here before.
import { nameProblem, randomName } from "./names";
import { forget, recents } from "./storage";

const byId = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;

const form = byId<HTMLFormElement>("open");
const field = byId<HTMLInputElement>("name");
const problem = byId<HTMLParagraphElement>("problem");

byId<HTMLButtonElement>("new").addEventListener("click", () => location.assign("/" + randomName()));

field.addEventListener("input", () => {
    problem.textContent = field.value === "" ? "" : nameProblem(field.value);
});

form.addEventListener("submit", (event) => {
    event.preventDefault();
    problem.textContent = nameProblem(field.value);
    if (problem.textContent) field.focus();
    else location.assign("/" + field.value);
});

function showRecent(): void {
    const list = recents();
    const items = byId<HTMLUListElement>("recent-list");
    byId<HTMLElement>("recent").hidden = list.length === 0;
    items.replaceChildren(
        ...list.map((r) => {
            const item = document.createElement("li");
            const link = document.createElement("a");
            const when = document.createElement("span");
            link.href = "/" + r.name;
            link.textContent = r.name;
            when.textContent = `${r.language} · ${new Date(r.time).toLocaleDateString()}`;
            item.append(link, when);
            return item;
        }),
    );
}

byId<HTMLButtonElement>("forget").addEventListener("click", () => {
    forget("recent");
    showRecent();
});
addEventListener("pageshow", showRecent);
showRecent();
