// Whether the hub answers. A page asks before it leaves for an address that only the hub can lead to: while the hub is
// away (an upgrade, say) there is no way into a workspace, and whoever left would stand before the proxy's error.

export const AWAY = "Studiolo does not answer at the moment; this page asks again by itself";

const PAUSES_MS = [1000, 2000, 3000, 5000]; // then the last one, again and again
const PATIENCE_MS = 5000; // for one answer

const pause = (tries) => new Promise((go) => setTimeout(go, PAUSES_MS[Math.min(tries, PAUSES_MS.length - 1)]));

// Whether it answers now, and can do what it is asked for.
export const hubAnswers = async (address) => {
  try {
    const reply = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    return reply.ok;
  } catch {
    return false;
  }
};

// Returns when it answers, the first time it is asked after a second; `away` is called each time that it does not.
export const untilHubAnswers = async (address, away) => {
  for (let tries = 0; ; tries += 1) {
    await pause(tries);
    if (await hubAnswers(address)) return;
    away();
  }
};
