import type { LeaseNotice } from "../../../domain/lease-notice.ts";

/**
 * Reads a message on the channel for notices: one a line, its kind, lease, user, device and session_id joined by NUL; of one
 * that was closed also for how long it is blocked, ms, and the reason.
 * @returns those whose kind is known: a later release may have others
 */
export function decodeNotices(message: string): LeaseNotice[] {
  return message.split("\n").flatMap((line): LeaseNotice[] => {
    const [kind, leaseId, userId, deviceId, sessionId, leftMs, reason] = line.split("\0");
    if (!leaseId || !userId || !deviceId || !sessionId) return [];
    const session = { userId, deviceId, sessionId };
    if (kind === "superseded") return [{ kind, leaseId, session }];
    if (kind !== "closed" || leftMs === undefined || reason === undefined) return [];
    return [{ kind, leaseId, session, refusal: { reason, leftMs: leftMs === "" ? undefined : Number(leftMs) } }];
  });
}
