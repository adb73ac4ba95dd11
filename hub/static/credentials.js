// Says what is wrong with a credential while it is typed. The server decides again when the form is sent.
// Values stay here, but for keys and profiles: those are looked at, to show a fingerprint or what is missing.

const PAUSE_MILLISECONDS = 400;
const LOOKED_AT = ["ssh-key", "cloud"];

const watch = (form) => {
  const verdict = form.querySelector("[data-verdict]");
  let waiting;
  let asked = 0;

  const fields = () => {
    const sent = Object.fromEntries(new FormData(form));
    const { _xsrf, always, value, ...facts } = sent;
    return { ...facts, value: LOOKED_AT.includes(facts.kind) ? value : "" };
  };
  const isTyped = (problem) => {
    const field = problem.slice(0, problem.indexOf(":"));
    return field === "value" ? fields().value !== "" : (form.elements[field]?.value ?? "x") !== "";
  };
  const look = async () => {
    const mine = ++asked;
    try {
      const answer = await fetch(form.dataset.check, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-XSRFToken": form.elements._xsrf.value },
        body: JSON.stringify(fields()),
      });
      if (answer.ok && mine === asked) {
        const { problems, fingerprint } = await answer.json();
        const words = problems.filter(isTyped);
        verdict.textContent = words.join(" ") || (fingerprint ? `Fingerprint ${fingerprint}` : "");
        verdict.className = words.length ? "no" : "ok";
      }
    } catch {
      // Nobody answers at this moment: sending the form will tell.
    }
  };
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(look, PAUSE_MILLISECONDS);
  });
};

document.querySelectorAll("form[data-check]").forEach(watch);
document.getElementById("errors")?.focus();
