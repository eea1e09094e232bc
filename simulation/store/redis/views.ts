import { sessionIdOf, type UserRecord } from "../../../services/presence/domain/session.ts";
import { statusIn } from "../../../services/presence/domain/status-change.ts";
import type { SessionView, UserView } from "../../../services/presence/store/store.ts";

/** What callers are shown of a record. */
export function viewOf(
  userId: string,
  record: UserRecord | undefined,
  about: { readonly shard: number; readonly knownVersion: number; readonly hiddenLeases: ReadonlySet<string> },
): UserView {
  const { shard, knownVersion, hiddenLeases } = about;
  if (record === undefined) return { userId, online: false, version: knownVersion, lastSeenMs: 0, shard, devices: [] };
  const devices = [...record.devices].flatMap(([deviceId, { current }]) => {
    if (current?.state !== "live" || hiddenLeases.has(current.leaseId ?? "")) return [];
    const { instanceId, order } = current.session;
    return [{ deviceId, instanceId, connectedAtMs: Math.floor(order / 1_000) }];
  });
  const { online, version } = record;
  const lastSeenMs = online ? 0 : record.lastSeenMs;
  return { userId, online, version, lastSeenMs, shard, devices, status: statusIn(record) };
}

/** The live ones. */
export function sessionsIn(userId: string, { devices }: UserRecord): SessionView[] {
  return [...devices].flatMap(([deviceId, { current }]) => {
    if (current?.state !== "live") return [];
    const { session, leaseId } = current;
    const { instanceId } = session;
    return [{ userId, deviceId, sessionId: sessionIdOf(session), instanceId, leaseId, connectedAtMs: 0 }];
  });
}
