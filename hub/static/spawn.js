// The bar at the bottom of the spawn page always says what the button will do.

const form = document.getElementById("spawn-form");
const text = (id, words) => {
  const place = document.getElementById(id);
  if (place.textContent !== words) {
    place.textContent = words;
  }
};

const summarise = () => {
  const software = form.querySelector("input[name=environment]:checked")?.dataset;
  const hardware = form.querySelector("input[name=hardware]:checked")?.dataset;
  text("summary-software", software?.title ?? "…");
  text("summary-hardware", hardware?.title ?? "…");
  text("summary-time", hardware?.fits === "no" ? "does not fit now" : (software?.time ?? ""));
  text("summary-price", hardware?.price ?? "");
};

form.addEventListener("change", summarise);
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
