/** What the panel says. */

import type { State } from './subject';
import type { Going, Plan } from './wire';

/** What happens to a package, in order. */
export const PHASES: readonly (readonly [string, string])[] = [
  ['look', 'Look at the notebook and its folder'],
  ['resolve', 'Find versions of packages'],
  ['send', 'Send the files'],
  ['make', 'Make the image']
];

/** Why it cannot be packaged now; "" where it can. */
export function whyNot(state: State): string {
  const { found, plan, choice } = state;
  if (state.isBeginning || (state.going && !state.going.isOver)) {
    return 'It is being packaged.';
  }
  if (state.lookFailed || state.planFailed) {
    return 'It could not be looked at.';
  }
  if (!found || !plan) {
    return 'Looking at it…';
  }
  const problems = found.problems.length + plan.problems.length;
  if (problems) {
    return problems === 1 ? 'A problem stands in the way.' : `${problems} problems stand in the way.`;
  }
  const secrets = plan.secrets.filter(({ place }) => !choice.allowed.has(place)).length;
  if (secrets) {
    return secrets === 1 ? 'A line looks like a secret.' : `${secrets} lines look like secrets.`;
  }
  return plan.away ? 'The hub does not answer.' : '';
}

/** How long it has taken, and about how long it takes, where that is known. */
export function timeOf({ seconds, expected }: Going): string {
  const passed = `${seconds.toFixed(0)} s`;
  if (!PHASES.every(([phase]) => expected.has(phase))) {
    return passed;
  }
  const whole = PHASES.reduce((sum, [phase]) => sum + (expected.get(phase) ?? 0), 0);
  return `${passed} of about ${Math.max(1, whole).toFixed(0)} s`;
}

/** What a version is where nobody says one. */
export function usualVersion({ commit, isClean }: Plan): string {
  return isClean ? commit.slice(0, 12) : 'from its content';
}

export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
