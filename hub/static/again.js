// Looks again in a second, or once the hub answers; it sends the person on when there is something else to see.

import { AWAY, untilHubAnswers } from "./hub_answers.js";

const lead = document.getElementById("lead");

await untilHubAnswers(lead.dataset.healthUrl, () => (lead.textContent = `${AWAY}.`));
location.reload();
