// Behaviour of every page: filters that apply at once, the theme switch, panels that have an address.
import "./tables.js";
import { drawCharts } from "./charts.js";
import { currentTheme, setTheme } from "./themes.js";

drawCharts();

// A form applies as soon as a choice is made; dates are typed, so they wait for the button.
for (const form of document.querySelectorAll("form[data-filters]")) {
  for (const select of form.querySelectorAll("select")) {
    select.addEventListener("change", () => form.requestSubmit());
  }
}

document.getElementById("theme-switch")?.addEventListener("click", () => {
  setTheme(currentTheme() === "dark" ? "light" : "dark");
});

// "Why this number" has an address: #why-gmv opens it, going back closes it.
const panels = [...document.querySelectorAll("[popover]")];
for (const panel of panels) {
  panel.addEventListener("toggle", (event) => {
    const hash = `#${panel.id}`;
    if (event.newState === "open" && location.hash !== hash) history.pushState(null, "", hash);
    if (event.newState === "closed" && location.hash === hash) {
      history.replaceState(null, "", location.pathname + location.search);
    }
  });
}

function openAddressed() {
  for (const panel of panels) {
    const wanted = location.hash === `#${panel.id}`;
    if (wanted !== panel.matches(":popover-open")) panel.togglePopover(wanted);
  }
}
addEventListener("popstate", openAddressed);
addEventListener("hashchange", openAddressed);
openAddressed();
