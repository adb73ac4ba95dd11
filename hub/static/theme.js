// Runs before the page is painted: which of light and dark the person chose, or the system asks for.
"use strict";
(() => {
  const root = document.documentElement;
  const key = "jupyterhub-bs-theme"; // JupyterHub's own, so that its pages agree
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null; // storage is switched off
    }
  };
  const paint = () => root.setAttribute("data-bs-theme", chosen() || (system.matches ? "dark" : "light"));
  root.classList.add("scripted");
  paint();
  system.addEventListener("change", paint);
  document.addEventListener("DOMContentLoaded", () => {
    document.getElementById("dark-theme-toggle")?.addEventListener("click", () => {
      const theme = root.getAttribute("data-bs-theme") === "dark" ? "light" : "dark";
      try {
        localStorage.setItem(key, theme);
      } catch {
        // Then the choice lasts as long as this page.
      }
      root.setAttribute("data-bs-theme", theme);
    });
  });
})();
