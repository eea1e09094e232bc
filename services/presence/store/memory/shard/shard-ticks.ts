import { decideExpire, decideLeasedEnd } from "../../../domain/change/expire.ts";
import { invariant } from "../../../domain/invariant.ts";
import type { Lease } from "../../../domain/lease.ts";
import type { Moment } from "../../../domain/moment.ts";
import { sessionIdOf } from "../../../domain/session.ts";
import type { Tick } from "../../store.ts";
import type { DueSession } from "../records/record-table.ts";
import { noDeadline, type UserRecords } from "../records/user-records.ts";
import type { UserClaims } from "../status/user-claims.ts";
import type { ShardState } from "./shard-state.ts";

/** Advances the shard's clocks, and takes down and ends what is due. */
export class ShardTicks {
  readonly #state: ShardState;
  readonly #users: UserRecords;
  readonly #claims: UserClaims;

  constructor(state: ShardState, users: UserRecords, claims: UserClaims) {
    this.#state = state;
    this.#users = users;
    this.#claims = claims;
  }

  tick(limit: number): Tick {
    const { clocks, records, leases, blocks, claims, log, begin, restated } = this.#state;
    clocks.tick();
    const moment = clocks.moment();
    const first = this.#firstDeadlineMs(moment.clockMs);
    const lagMs = first === undefined ? 0 : moment.clockMs - first;
    const taken = this.#expire(moment, limit);
    const expired = taken + this.#claims.end(moment, limit - taken);
    this.#users.forgetDeparted(moment, limit);
    blocks.forgetOver(moment.clockMs);
    return {
      clockMs: moment.clockMs,
      expired,
      lagMs,
      lastVersion: log.lastVersion,
      sessions: records.sessions,
      usersOnline: records.usersOnline,
      leased: records.leased,
      leases: leases.size,
      blocks: blocks.size,
      claimed: claims.size,
      failed: 0,
      logLength: log.length,
      begin,
      recoveringMs: 0,
      isRestated: restated >= begin,
    };
  }

  /** The oldest deadline that is due. */
  #firstDeadlineMs(clockMs: number): number | undefined {
    const { records, leases } = this.#state;
    const session = records.firstDue(clockMs)?.deadlineMs ?? Number.POSITIVE_INFINITY;
    const first = Math.min(session, leases.firstDue(clockMs)?.lease.deadlineMs ?? Number.POSITIVE_INFINITY);
    return first === Number.POSITIVE_INFINITY ? undefined : first;
  }

  /** Takes down what is due, oldest deadline first; then sessions that nobody verifies. @returns what of `limit` it took */
  #expire(moment: Moment, limit: number): number {
    const { records, leases } = this.#state;
    let spent = 0;
    for (; spent < limit; spent++) {
      const session = records.firstDue(moment.clockMs);
      const due = leases.firstDue(moment.clockMs);
      if (due !== undefined && (session === undefined || due.lease.deadlineMs <= session.deadlineMs)) {
        this.#advanceLease(due.id, due.lease, moment);
      } else if (session !== undefined) {
        this.#expireSession(session, moment);
      } else {
        break;
      }
    }
    for (const id of leases.toLookInto(moment.clockMs)) {
      if (spent === limit) break;
      spent += 1 + this.#lookInto(id, moment, limit - spent - 1);
    }
    return spent;
  }

  #expireSession({ userId, deviceId, deadlineMs }: DueSession, moment: Moment): void {
    const record = this.#users.readOnline(userId);
    const current = record?.devices.get(deviceId)?.current;
    invariant(current !== undefined, "a due row has a session");
    const member =
      current.state === "grace" ? { graceOf: deviceId } : { sessionId: sessionIdOf(current.session), deviceId };
    const decision = decideExpire(record, member, deadlineMs, moment, this.#state.rules);
    invariant(decision.kind === "expired", "a due session expires");
    this.#users.commit(userId, deviceId, record, decision, noDeadline, moment);
  }

  /** One step of a lease whose deadline passed: it is lost; or one of its sessions goes; or, when all have gone, itself. */
  #advanceLease(id: string, { state, deadlineMs }: Lease, moment: Moment): void {
    const { records, leases, rules } = this.#state;
    if (state === "open") {
      leases.lose(id);
      return;
    }
    const session = records.firstLeased(id);
    const seenMs = state === "lost" ? deadlineMs - rules.leaseTtlMs : deadlineMs;
    if (session === undefined) leases.forget(id);
    else this.#endLeased(id, session, state, seenMs, moment);
  }

  /** Takes down the sessions of an open lease whose own deadline passed. @returns how many */
  #lookInto(id: string, moment: Moment, limit: number): number {
    const { records, leases, rules } = this.#state;
    for (let ended = 0; ; ended++) {
      const session = records.firstLeased(id);
      const isOver = session !== undefined && session.deadlineMs <= moment.clockMs;
      if (!isOver || ended === limit) {
        leases.lookAt(id, session?.deadlineMs ?? moment.clockMs + rules.leasedTtlMs);
        return ended;
      }
      this.#endLeased(id, session, "unverified", session.deadlineMs - rules.leasedTtlMs, moment);
    }
  }

  #endLeased(
    leaseId: string,
    { userId, deviceId }: DueSession,
    how: "lost" | "closed" | "unverified",
    seenClockMs: number,
    moment: Moment,
  ): void {
    const record = this.#users.readOnline(userId);
    const session = record?.devices.get(deviceId)?.current?.session;
    invariant(session !== undefined, "a leased row has a session");
    const due = { sessionId: sessionIdOf(session), leaseId, deviceId };
    const decision = decideLeasedEnd(record, due, how, seenClockMs, moment, this.#state.rules);
    invariant(decision.kind === "expired", "a leased row is live under its lease");
    this.#users.commit(userId, deviceId, record, decision, noDeadline, moment);
  }
}
