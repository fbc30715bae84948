// Draws the charts that the page holds as specifications; everything in them is formatted already.
import { themes } from "./theme.js";
import { currentTheme, onTheme } from "./themes.js";

const MARGIN = 12; // px between the pointer and the tooltip

const tooltip = document.createElement("div");
tooltip.className = "tooltip";
document.body.append(tooltip);

// Text goes in as text: names of events and channels come from outside.
function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function showTooltip(_handler, event, item, value) {
  // The area around a point, which makes it easy to hit, holds the point's row one level deeper.
  const row = item?.datum?.said ? item.datum : item?.datum?.datum;
  if (!value || !row?.said) {
    delete tooltip.dataset.shown;
    return;
  }
  const list = document.createElement("dl");
  for (const [title, text] of row.said) list.append(element("dt", title), element("dd", text));
  tooltip.replaceChildren(element("p", row.when), list);
  const { width, height } = tooltip.getBoundingClientRect();
  const left = event.clientX + MARGIN + width > innerWidth ? event.clientX - MARGIN - width : event.clientX + MARGIN;
  const top = Math.min(event.clientY + MARGIN, innerHeight - height - MARGIN);
  tooltip.style.transform = `translate(${Math.max(0, left)}px, ${top}px)`;
  tooltip.dataset.shown = "";
}

async function draw(figure) {
  const spec = JSON.parse(figure.querySelector("script").textContent);
  figure.view?.finalize();
  const { view } = await window.vegaEmbed(figure.querySelector(".canvas"), spec, {
    mode: "vega-lite",
    renderer: "svg",
    ast: true, // no code is made from text, so the page's policy can forbid it
    actions: false,
    defaultStyle: false,
    config: themes[currentTheme()],
    tooltip: showTooltip,
  });
  figure.view = view;
  figure.dataset.drawn = "";
}

function fail(figure) {
  figure.dataset.failed = "";
  figure.querySelector(".skeleton").textContent = "The chart could not be drawn. The table holds the same numbers.";
}

export async function drawCharts() {
  const figures = [...document.querySelectorAll("[data-chart]")];
  if (!figures.length) return;
  try {
    await import(document.documentElement.dataset.library);
  } catch {
    figures.forEach(fail);
    return;
  }
  const drawAll = () => Promise.all(figures.map((figure) => draw(figure).catch(() => fail(figure))));
  onTheme(drawAll);
  await drawAll();
}
