import type { Refusal } from "../domain/block.ts";
import { PresenceError } from "../domain/presence-error.ts";

/**
 * The most that the call can have waited is too much to refuse it for good: the client may have come after whoever has
 * the device. Sent again, the call carries what its caller knows of its age; a caller whose client is gone sends nothing.
 */
export function stoodStill(ms: number): string {
  return `this node stood still for ${ms} ms, and the call may have waited as long: send it again`;
}

export function leaseClosed(leaseId: string): PresenceError {
  return new PresenceError(
    "FAILED_PRECONDITION",
    `lease ${quote(leaseId)} was closed by its process: a new process opens a lease with an id of its own`,
  );
}

export function closedByOperator(session: { userId: string; deviceId: string }, refusal: Refusal): PresenceError {
  const { reason, leftMs } = refusal;
  const until = leftMs === undefined ? "" : `, and may register again in ${Math.ceil(leftMs / 1_000)} s`;
  return new PresenceError(
    "FAILED_PRECONDITION",
    `${nameOf(session)} was closed by an operator (${reason})${until}: close this socket`,
    { refusal: { reason, leftMs } },
  );
}

export function nameOf({ userId, deviceId }: { userId: string; deviceId: string }): string {
  return `user ${quote(userId)} device ${quote(deviceId)}`;
}

export function quote(id: string): string {
  return JSON.stringify(id);
}
