import type { Outcome } from "../history/session-life.ts";

/** @param code name of the status that a call failed with */
export function outcomeOf(code: string): Outcome {
  if (code === "NOT_FOUND") return "missing";
  return code === "FAILED_PRECONDITION" ? "superseded" : "unknown";
}
