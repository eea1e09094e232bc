import type { LeaseNotice } from "../../../domain/lease-notice.ts";

/**
 * Reads a message on the channel for notices: one a line, its kind, lease, user, device and session_id joined by NUL.
 * @returns those whose kind is known: a later release may have others
 */
export function decodeNotices(message: string): LeaseNotice[] {
  return message.split("\n").flatMap((line) => {
    const [kind, leaseId, userId, deviceId, sessionId] = line.split("\0");
    if (kind !== "superseded" || !leaseId || !userId || !deviceId || !sessionId) return [];
    return [{ kind, leaseId, session: { userId, deviceId, sessionId } }];
  });
}
