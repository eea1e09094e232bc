import type { LeaseOutcome } from "../history/lease-life.ts";
import type { Outcome } from "../history/session-life.ts";

/** @param code name of the status that a call failed with */
export function outcomeOf(code: string): Outcome {
  if (code === "NOT_FOUND") return "missing";
  return code === "FAILED_PRECONDITION" ? "superseded" : "unknown";
}

/** @param answer of a call about a lease; that of CloseLease says nothing */
export function leaseOutcomeOf(answer: { readonly partial?: boolean; readonly missing?: boolean }): LeaseOutcome {
  if (answer.partial === true) return "partial";
  return answer.missing === true ? "missing" : "ok";
}
