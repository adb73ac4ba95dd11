// Shows the password on request, and warns where the connection can be read.

const toggle = document.getElementById("show-password");
const password = document.getElementById("password_input");
toggle?.addEventListener("click", () => {
  const shown = password.type === "password";
  password.type = shown ? "text" : "password";
  toggle.textContent = shown ? "Hide" : "Show";
  toggle.setAttribute("aria-pressed", String(shown));
});
if (!window.isSecureContext) {
  const warning = document.getElementById("insecure-login-warning");
  if (warning) warning.hidden = false;
}
