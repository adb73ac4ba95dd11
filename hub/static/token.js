// Fills in the form that `studiolo login` links to: /hub/token?note=…&scopes=…
// Nothing is asked for until the person presses the button; what is filled in stands there to be read.

const asked = new URLSearchParams(location.search);
for (const [field, name] of [["token-note", "note"], ["token-scopes", "scopes"]]) {
  const input = document.getElementById(field);
  const value = asked.get(name);
  if (input && value && !input.value) input.value = value;
}
