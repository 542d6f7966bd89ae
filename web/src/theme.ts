// Sets the theme before the first paint; a file of its own because no inline script is allowed.
const root = document.documentElement;
const dark = matchMedia("(prefers-color-scheme: dark)");

function apply(): void {
    let wish: unknown = null;
    try {
        wish = JSON.parse(localStorage.getItem("bytecrowds:theme") ?? "null");
    } catch {
        wish = null;
    }
    const theme = wish === "light" || wish === "dark" ? wish : dark.matches ? "dark" : "light";
    root.dataset.theme = theme;
    document
        .querySelector('meta[name="theme-color"]')
        ?.setAttribute("content", theme === "dark" ? "#15181d" : "#fbfaf6");
    dispatchEvent(new CustomEvent("bytecrowds:theme"));
}

apply();
dark.addEventListener("change", apply);
addEventListener("storage", apply);
addEventListener("bytecrowds:settheme", apply);
