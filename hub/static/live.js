// Keeps a page fresh: fetches itself every few seconds and replaces what is marked `data-live`.
// Never touches what a person typed or chose, and rests while nobody looks.

const clock = document.querySelector("[data-live-every]");

const fresh = async () => {
  const reply = await fetch(location.href, {
    headers: { "X-Xsrftoken": clock.dataset.xsrf, Accept: "text/html" },
    redirect: "manual",
  });
  // A redirect means that this page has nothing to show any more (signed out, or the workspace is running).
  if (reply.type === "opaqueredirect") {
    return null;
  }
  return reply.ok ? new DOMParser().parseFromString(await reply.text(), "text/html") : undefined;
};

const replaceRegions = (page) => {
  for (const old of document.querySelectorAll("[data-live]")) {
    const news = page.getElementById(old.id);
    if (!news || news.innerHTML.trim() === old.innerHTML.trim()) {
      continue;
    }
    const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
    old.replaceChildren(...document.importNode(news, true).childNodes);
    if (focused) {
      document.getElementById(focused)?.focus();
    }
  }
};

const updateInputs = (page) => {
  for (const input of document.querySelectorAll("input[data-live-input]")) {
    const news = page.getElementById(input.id);
    if (!news) {
      continue;
    }
    // What is chosen stays chosen and can be sent: the server says why not, with the reason.
    input.disabled = news.disabled && !input.checked;
    for (const { name, value } of news.attributes) {
      if (name.startsWith("data-")) {
        input.setAttribute(name, value);
      }
    }
  }
};

const refresh = async () => {
  if (document.hidden) {
    return;
  }
  let page;
  try {
    page = await fresh();
  } catch {
    return; // The hub is away; the next round asks again.
  }
  if (page === null) {
    location.reload();
  } else if (page?.querySelector("[data-live-every]")) {
    replaceRegions(page);
    updateInputs(page);
    clock.dataset.liveEvery = page.querySelector("[data-live-every]").dataset.liveEvery;
    document.dispatchEvent(new Event("studiolo:fresh"));
  }
};

if (clock) {
  const loop = () =>
    setTimeout(async () => {
      await refresh();
      loop();
    }, Number(clock.dataset.liveEvery) * 1000);
  loop();
  document.addEventListener("visibilitychange", refresh);
}
