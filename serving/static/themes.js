// Which theme is shown: the one that was chosen here, else the system's.
const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");
const listeners = [];

export function currentTheme() {
  return root.dataset.theme || (system.matches ? "dark" : "light");
}

// The cookie lets the server send the page in the right theme, so that nothing flashes.
export function setTheme(theme) {
  root.dataset.theme = theme;
  document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax`;
  for (const listener of listeners) listener();
}

export function onTheme(listener) {
  listeners.push(listener);
}

system.addEventListener("change", () => {
  for (const listener of listeners) listener();
});
