import type { History } from "../history/history.ts";
import { checkBeliefs } from "./check-beliefs.ts";
import { checkCauses } from "./check-causes.ts";
import { checkLeases } from "./check-leases.ts";
import { checkSessions } from "./check-sessions.ts";
import { checkSilence } from "./check-silence.ts";
import { checkTransitions } from "./check-transitions.ts";
import type { Violation } from "./violation.ts";

export interface Verdict {
  /** In the order of time. */
  readonly violations: readonly Violation[];
  /** User-seconds, over all readers, of beliefs that were untrue beyond a promise's bound. */
  readonly wrongSeconds: number;
  /** Share of the users' time in which the truth was known and something was said of it, 0 to 1. */
  readonly judgedShare: number;
}

/** Judges a run by the promises. */
export function check(history: History): Verdict {
  const beliefs = checkBeliefs(history);
  const violations = [
    ...beliefs.violations,
    ...checkTransitions(history),
    ...checkCauses(history),
    ...checkSessions(history),
    ...checkLeases(history),
    ...checkSilence(history),
  ].sort((left, right) => left.atMs - right.atMs);
  const wrongMs = violations.reduce((sum, violation) => sum + violation.wrongMs, 0);
  return { violations, wrongSeconds: wrongMs / 1_000, judgedShare: beliefs.judgedMs / beliefs.wholeMs };
}
