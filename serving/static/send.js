// The page "Send an event": copies the command, and looks up what became of the event until it is counted or refused.
const PAUSE = 1000; // milliseconds between two looks
const PATIENCE = 900; // looks: a page that was forgotten stops asking

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
}

const card = document.querySelector("[data-trace]");
const step = (name) => card.querySelector(`[data-step="${name}"]`);

function say(name, words, mark) {
  const item = step(name);
  item.hidden = false;
  item.dataset.mark = mark;
  item.querySelector("[data-words]").textContent = words;
}

function reason({ field, code, message }) {
  const item = document.createElement("li");
  const name = document.createElement("code");
  name.textContent = field ? `${field}: ${code}` : code;
  item.append(name, ` ${message}`);
  return item;
}

function show(found) {
  if (found.state === "unknown") return false;
  if (found.state === "refused") {
    step("landed").hidden = true;
    step("counted").hidden = true;
    const where = found.path ? `kept as row ${found.row} of ${found.path}` : "it goes to quarantine when it is landed";
    say("refused", `Received ${found.received}; ${where}`, "bad");
    step("refused").querySelector("[data-reasons]").replaceChildren(...found.reasons.map(reason));
    return found.path !== "";
  }
  if (found.state === "acknowledged") {
    say("landed", `Received ${found.received} and safe in the collector's log; it is landed within a minute`, "waiting");
    return false;
  }
  say("landed", `Received ${found.received}; row ${found.row} of ${found.path}`, "good");
  if (found.state !== "counted") return false;
  const kpis = [...step("counted").querySelectorAll("a")];
  say("counted", kpis.length ? "In the published numbers: " : "In the published numbers.", "good");
  step("counted").querySelector("[data-words]").append(...kpis.flatMap((kpi, n) => (n ? [", ", kpi] : [kpi])));
  return true;
}

async function look(left) {
  if (left === 0) return;
  const query = new URLSearchParams({ tenant: card.dataset.tenant, message_id: card.dataset.message });
  let isOver = false;
  try {
    const answer = await fetch(`/events/trace?${query}`);
    if (answer.ok) isOver = show(await answer.json());
  } catch {
    // The portal may be starting again: the next look tells.
  }
  card.dataset.looked = String(Number(card.dataset.looked ?? 0) + 1);
  if (!isOver) setTimeout(() => look(left - 1), document.hidden ? 5 * PAUSE : PAUSE);
}

if (card) look(PATIENCE);
