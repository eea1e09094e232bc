import { pageTokenRefused } from "../../../domain/presence-error.ts";
import { registeredAtMs, sessionIdOf, type UserRecord } from "../../../domain/session.ts";
import type { LeaseView, SessionView } from "../../store.ts";
import type { UserRecords } from "../records/user-records.ts";
import type { ShardState } from "../shard/shard-state.ts";

const pageUsers = 500;

/** Lists what operators look at; see SessionListing. */
export class SessionLister {
  readonly #state: ShardState;
  readonly #users: UserRecords;

  constructor(state: ShardState, users: UserRecords) {
    this.#state = state;
    this.#users = users;
  }

  ofUser(userId: string): SessionView[] {
    const { clocks } = this.#state;
    const record = this.#users.read(userId, clocks.moment());
    return record === undefined ? [] : sessionsOf(userId, record, clocks.ordersAheadUs);
  }

  ofInstance(instanceId: string, cursor: string): { sessions: SessionView[]; cursor: string } {
    if (!/^\d{0,15}$/.test(cursor)) throw pageTokenRefused();
    const { records, clocks } = this.#state;
    const { userIds, next } = records.onlineFrom(Number(cursor), pageUsers);
    const sessions = userIds.flatMap((userId) =>
      sessionsOf(userId, records.read(userId) as UserRecord, clocks.ordersAheadUs),
    );
    return {
      sessions: sessions.filter((session) => session.instanceId === instanceId),
      cursor: next === undefined ? "" : String(next),
    };
  }

  leasesAfter(leaseId: string, limit: number): LeaseView[] {
    const { leases, records } = this.#state;
    return leases.after(leaseId, limit).map((lease) => ({ ...lease, sessions: records.underLease(lease.leaseId) }));
  }
}

/** The live ones, by device_id. */
function sessionsOf(userId: string, record: UserRecord, aheadUs: number): SessionView[] {
  const sessions: SessionView[] = [];
  for (const [deviceId, { current }] of record.devices) {
    if (current?.state !== "live") continue;
    const { session, leaseId } = current;
    const { instanceId, order } = session;
    const connectedAtMs = registeredAtMs(order, aheadUs);
    sessions.push({ userId, deviceId, sessionId: sessionIdOf(session), instanceId, leaseId, connectedAtMs });
  }
  return sessions.sort((a, b) => (a.deviceId < b.deviceId ? -1 : 1));
}
