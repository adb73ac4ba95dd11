// The waiting page: shows each event of this start, counts the seconds between two, and opens JupyterLab when it is ready.
// It outlives the hub: where that does not answer, it asks again, and goes on with whatever has become of the start.

import { AWAY, hubAnswers, untilHubAnswers } from "./hub_answers.js";

const room = document.getElementById("waiting");
const bar = document.getElementById("progress");
const left = document.getElementById("left");
const log = document.getElementById("log");
const notices = document.getElementById("notices");
const steps = new Map([...document.querySelectorAll("#steps li")].map((line) => [line.dataset.phase, line]));

let since = performance.now(); // when the last event came: its numbers are that old
let secondsLeft = null;

const length = (whole) =>
  whole < 60 ? `${whole} s` : whole % 60 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${whole / 60} min`;
const seconds = (value) => (value < 10 ? `${value.toFixed(1)} s` : length(Math.round(value)));
const timeOf = (state, spent, expected) => {
  if (state === "done") return seconds(spent ?? 0);
  const about = expected && `about ${seconds(Math.max(0.1, expected))}`;
  if (state === "running") return about ? `${seconds(spent ?? 0)} of ${about}` : seconds(spent ?? 0);
  return state === "waiting" && about ? about : "";
};

const number = (text) => (text === "" || text === undefined ? null : Number(text));

const tick = () => {
  const passed = (performance.now() - since) / 1000;
  for (const line of steps.values()) {
    const { state, seconds: spent, expected } = line.dataset;
    const now = state === "running" ? (number(spent) ?? 0) + passed : number(spent);
    line.querySelector(".time").textContent = timeOf(state, now, number(expected));
  }
  if (secondsLeft !== null) {
    const rest = Math.max(0, secondsLeft - passed);
    const words = rest > 0.5 ? `about ${length(Math.ceil(rest))} left` : "any moment now";
    if (left.textContent !== words) left.textContent = words;
  }
};

const show = (event) => {
  since = performance.now();
  bar.value = event.progress ?? bar.value;
  secondsLeft = event.seconds_left ?? null;
  if (secondsLeft === null && event.message) left.textContent = event.message;
  for (const phase of event.phases ?? []) {
    const line = steps.get(phase.phase);
    if (!line) continue;
    line.dataset.state = phase.state;
    line.dataset.seconds = phase.seconds ?? "";
    line.dataset.expected = phase.expected_seconds ?? "";
    line.querySelector("b").firstChild.textContent = phase.title;
    line.querySelector(".step-word").textContent = `: ${phase.state}`;
    line.querySelector(".detail").textContent = phase.detail ?? "";
  }
  if (log && event.log?.length) {
    log.textContent = event.log.join("\n");
    log.hidden = false;
  }
  if (event.notices?.length) {
    notices.textContent = event.notices.join(" ");
    notices.hidden = false;
  }
  tick();
};

const health = room.dataset.healthUrl;
const away = () => {
  secondsLeft = null;
  left.textContent = AWAY;
};

// The same address now says what happened, leads into a workspace that is ready, or is this page again.
const lookAnew = async () => {
  await untilHubAnswers(health, away);
  location.reload();
};

// Only upon an answer: a first visit of a workspace leads through the hub.
const leave = async (go) => {
  if (await hubAnswers(health)) {
    go();
    return;
  }
  away();
  await lookAnew();
};

const open = (address) => {
  secondsLeft = null;
  left.textContent = "opening JupyterLab";
  bar.value = 100;
  location.replace(address);
};

// Each second tells something. A proxy keeps a stream open whose hub has gone, so silence says as much as an error.
const SILENT_MS = 5000;
let source = null;
let heard = 0;

const listen = () => {
  heard = performance.now();
  source = new EventSource(room.dataset.progressUrl);
  source.onmessage = ({ data }) => {
    heard = performance.now();
    const event = JSON.parse(data);
    if (event.ready) {
      source.close();
      leave(() => open(room.dataset.nextUrl || event.url));
    } else if (event.failed) {
      source.close();
      leave(() => location.reload());
    } else {
      show(event);
    }
  };
  // Broken off, or answered with an error: by a hub that ends, that is away, or that knows no such start any more.
  source.onerror = () => {
    source.close();
    lookAnew();
  };
};

const mindSilence = () => {
  if (source.readyState === EventSource.CLOSED || performance.now() - heard < SILENT_MS) return;
  source.close();
  leave(listen);
};

listen();
setInterval(mindSilence, 1000);
setInterval(tick, 100);
tick();
