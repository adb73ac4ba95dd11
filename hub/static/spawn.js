// The bar at the bottom of the spawn page always says what the button will do.

const form = document.getElementById("spawn-form");
const text = (id, words) => {
  const place = document.getElementById(id);
  if (place.textContent !== words) {
    place.textContent = words;
  }
};

// Forecasts of every pair: each text once, and which of them is whose. Empty where nobody makes any.
const forecasts = () => JSON.parse(document.getElementById("forecasts").textContent.trim() || "null");
// Where a workspace waits already, what is ticked in some fields keeps one from getting it: then others hold.
const claims = (all) =>
  !all.fields?.some((name) =>
    form.querySelector(`[name=${name}]:checked, [name=${name}][type=hidden]:not([value=""])`),
  );
const cellOf = (all, environment, hardware) => {
  const without = claims(all) ? undefined : all.without_claims[environment]?.[hardware];
  const cell = all.cells[without ?? all.pairs[environment]?.[hardware]];
  if (!cell) return null;
  const [hardwareTone, hardwareWords, softwareTone, softwareWords, time, instead, insteadWords] = cell;
  return { hardwareTone, hardwareWords, softwareTone, softwareWords, time, instead, insteadWords };
};
const say = (id, tone, words) => {
  const place = document.querySelector(`#${CSS.escape(id)} > span`);
  if (!place || place.lastChild.textContent.trim() === words) return;
  place.className = tone;
  place.lastChild.textContent = ` ${words}`;
};
const chosenOf = (name) => form.querySelector(`input[name=${name}]:checked`);

const forecast = () => {
  const all = forecasts();
  const [environment, hardware] = [chosenOf("environment")?.value, chosenOf("hardware")?.value];
  if (!all) return null;
  for (const input of form.querySelectorAll("input[name=hardware]")) {
    const cell = cellOf(all, environment, input.value);
    if (cell) say(`${input.id}-state`, cell.hardwareTone, cell.hardwareWords + (input.dataset.free ?? ""));
  }
  for (const input of form.querySelectorAll("input[name=environment]")) {
    const cell = cellOf(all, input.value, hardware);
    if (cell?.softwareWords && !input.disabled) say(`${input.id}-state`, cell.softwareTone, cell.softwareWords);
  }
  const chosen = cellOf(all, environment, hardware);
  text("instead-words", chosen?.insteadWords ?? "");
  document.getElementById("choose-instead").dataset.hardware = chosen?.instead ?? "";
  document.getElementById("instead").hidden = !chosen?.insteadWords;
  return chosen;
};

const summarise = () => {
  const software = chosenOf("environment")?.dataset;
  const hardware = chosenOf("hardware")?.dataset;
  const chosen = forecast();
  text("summary-software", software?.title ?? "…");
  text("summary-hardware", hardware?.title ?? "…");
  text("summary-time", hardware?.fits === "no" ? "does not fit now" : (chosen?.time ?? software?.time ?? ""));
  text("summary-price", hardware?.price ?? "");
};

form.addEventListener("change", summarise);
document.getElementById("choose-instead").addEventListener("click", ({ target }) => {
  const other = document.getElementById(`hardware-${target.dataset.hardware}`);
  if (!other) return;
  other.disabled = false;
  other.checked = true;
  other.focus();
  summarise();
});
document.addEventListener("studiolo:fresh", summarise);
form.addEventListener("submit", (event) => {
  // A second click must not send the form again; a disabled button would also stop the first.
  if (form.dataset.sent) {
    event.preventDefault();
  }
  form.dataset.sent = "yes";
  text("start", "Starting…");
});
addEventListener("pageshow", () => {
  delete form.dataset.sent;
  text("start", "Start");
  summarise();
});
document.getElementById("errors")?.focus();
