// JupyterHub's list of people has buttons with an icon alone: gives them a name that can be read out.

const names = () => {
  for (const button of document.querySelectorAll("#react-admin-hook button[aria-controls]:not([aria-label])")) {
    button.setAttribute("aria-label", `Details of ${button.getAttribute("aria-controls").replace(/-collapse$/, "")}`);
  }
  for (const button of document.querySelectorAll("#react-admin-hook td button:not([aria-label])")) {
    if (!button.textContent.trim()) {
      button.setAttribute("aria-label", button.title || "More");
    }
  }
};

new MutationObserver(names).observe(document.getElementById("react-admin-hook"), { childList: true, subtree: true });
names();
