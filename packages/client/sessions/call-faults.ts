import { grpcErrorCodeOf } from "@realchat/presence-grpc";
import { durationMs } from "@realchat/presence-proto/duration";
import type { Closed } from "@realchat/presence-proto/presence";
import { type ClosedByOperator, PresenceClientError, type PresenceClientErrorCode } from "../presence-client-error.ts";

/** @returns why one entry of a batch failed; undefined when it did not */
export function failureOf(entry: {
  readonly code: number;
  readonly message: string;
  readonly closed?: Closed | undefined;
}): PresenceClientError | undefined {
  const { code, message, closed } = entry;
  if (code === 0) return undefined;
  return new PresenceClientError(grpcErrorCodeOf(code), message, closed && { closed: closedBy(closed) });
}

export function closedBy({ reason, blockedFor }: Closed): ClosedByOperator {
  return { reason, blockedMs: blockedFor && durationMs(blockedFor) };
}

/** Of an entry that a batch was not answered for. */
export const unanswered = new PresenceClientError("INTERNAL", "presence answered the batch, and not for this session");

const refusals: ReadonlySet<PresenceClientErrorCode> = new Set(["INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"]);

/** Whether the answer would be the same next time. Who is told when to try again met a queue that was full, no limit. */
export function isRefusal({ code, retryAfterMs }: PresenceClientError): boolean {
  return refusals.has(code) && retryAfterMs === undefined;
}

/** Whether presence decided about what was asked. NOT_FOUND: the lease that was named is not open. */
export function isDecision(error: PresenceClientError): boolean {
  return error.code === "FAILED_PRECONDITION" || error.code === "NOT_FOUND" || isRefusal(error);
}

const ownFaults: ReadonlySet<PresenceClientErrorCode> = new Set([
  ...(["INTERNAL", "UNKNOWN", "DATA_LOSS", "ABORTED", "INVALID_ARGUMENT", "UNIMPLEMENTED"] as const),
]);

/** Whether presence answered, and the failure is one of this call: it says little about the next one's. */
export function isOwnFault({ code }: PresenceClientError): boolean {
  return ownFaults.has(code);
}
