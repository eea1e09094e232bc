import type { PresenceClientError, PresenceClientErrorCode } from "../presence-client-error.ts";

const refusals: ReadonlySet<PresenceClientErrorCode> = new Set(["INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"]);

/** Whether the answer would be the same next time. Who is told when to try again met a queue that was full, no limit. */
export function isRefusal({ code, retryAfterMs }: PresenceClientError): boolean {
  return refusals.has(code) && retryAfterMs === undefined;
}

const ownFaults: ReadonlySet<PresenceClientErrorCode> = new Set([
  ...(["INTERNAL", "UNKNOWN", "DATA_LOSS", "ABORTED", "INVALID_ARGUMENT", "UNIMPLEMENTED"] as const),
]);

/** Whether presence answered, and the failure is one of this call: it says little about the next one's. */
export function isOwnFault({ code }: PresenceClientError): boolean {
  return ownFaults.has(code);
}
