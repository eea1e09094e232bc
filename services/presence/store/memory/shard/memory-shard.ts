import type { Activity } from "../../../domain/activity.ts";
import { type Closing, decideClosing } from "../../../domain/block.ts";
import { decideHeartbeat } from "../../../domain/change/heartbeat.ts";
import { decideRegister } from "../../../domain/change/register.ts";
import { decideUnregister } from "../../../domain/change/unregister.ts";
import type { Moment } from "../../../domain/moment.ts";
import {
  parseSessionId,
  type SessionRef,
  sessionIdOf,
  type UserRecord,
  unknownInstance,
} from "../../../domain/session.ts";
import type { EndReason } from "../../../domain/transition.ts";
import type {
  CloseResult,
  Heartbeat,
  RefreshResult,
  RegisterResult,
  Registration,
  StatusStore,
  UnregisterResult,
} from "../../store.ts";
import { noDeadline, type UserRecords } from "../records/user-records.ts";
import type { ShardState } from "./shard-state.ts";

const refreshed: RefreshResult = { kind: "refreshed" };

/** Decides about sessions: the record and the moment go into the domain, and what comes out is kept and told. */
export class MemoryShard {
  readonly #state: ShardState;
  readonly #users: UserRecords;

  constructor(state: ShardState, users: UserRecords) {
    this.#state = state;
    this.#users = users;
  }

  register(registration: Registration): RegisterResult {
    const { clocks, leases, blocks, rules } = this.#state;
    const { userId, deviceId, instanceId, connectionId, ageMs = 0, leaseId = "", idleSinceMs } = registration;
    const moment = clocks.moment();
    const record = this.#users.read(userId, moment);
    const previous = parseSessionId(registration.previousSessionId);
    const lease = leaseId === "" ? undefined : leases.named(leaseId);
    const refusal = blocks.refusal(userId, deviceId, connectionId, moment.clockMs);
    const request = { deviceId, instanceId, connectionId, previous, ageMs, lease, refusal, idleSinceMs };
    const decision = decideRegister(record, request, moment, rules);
    switch (decision.kind) {
      case "registered": {
        this.#users.makeRoom(moment);
        const untilMs = this.#deadlineMs(moment, leaseId);
        const { traceparent } = registration;
        const version = this.#users.commit(userId, deviceId, record, decision, untilMs, moment, traceparent);
        return { kind: "registered", sessionId: sessionIdOf(decision.session), version };
      }
      case "repeated": {
        const sessionId = sessionIdOf(decision.session);
        this.#extend(userId, deviceId, sessionId, decision.record, record !== decision.record, moment);
        return { kind: "repeated", sessionId, version: record?.version ?? 0 };
      }
      default:
        return decision;
    }
  }

  unregister(ending: SessionEnd): UnregisterResult {
    return this.#end(ending, this.#state.clocks.moment());
  }

  close(closing: Closing): CloseResult {
    const { clocks, blocks: blocked, log, rules } = this.#state;
    const moment = clocks.moment();
    if (blocked.size >= rules.shardMaxBlocks) return { kind: "too-many-blocks" };
    const record = this.#users.read(closing.userId, moment);
    const { sessions, blocks } = decideClosing(record, closing, moment.clockMs, rules);
    blocked.add(blocks);
    for (const { leaseId, ...session } of sessions) {
      this.#end({ ...session, reason: "FORCED" }, moment);
      const refusal = { reason: closing.reason, leftMs: closing.blockMs };
      if (leaseId !== undefined) log.leaseNotice({ kind: "closed", leaseId, session, refusal });
    }
    return {
      kind: "closed",
      sessions: sessions.map(({ userId, deviceId, sessionId }) => ({ userId, deviceId, sessionId })),
    };
  }

  /** The usual case reads four columns and writes one; only a heartbeat that finds no session needs the record. */
  refresh(heartbeat: Heartbeat): RefreshResult {
    return this.#isExtendedBy(heartbeat) ? refreshed : this.#decide(heartbeat);
  }

  #isExtendedBy({ userId, deviceId, sessionId, leaseId = "" }: Heartbeat): boolean {
    const state = this.#state;
    const isLeased = leaseId !== "";
    if (isLeased && !state.leases.isOpen(leaseId)) return false;
    const clockMs = state.clocks.clockMs();
    const untilMs = clockMs + state.rules.ttlMs;
    const leasedMs = clockMs + state.rules.leasedTtlMs;
    return state.records.extend(userId, deviceId, sessionId, untilMs, leasedMs, isLeased ? leaseId : undefined);
  }

  #decide({ userId, deviceId, sessionId, instanceId = unknownInstance, leaseId = "" }: Heartbeat): RefreshResult {
    const { clocks, records, leases, blocks, rules } = this.#state;
    const moment = clocks.moment();
    const record = this.#users.read(userId, moment);
    const lease = leaseId === "" ? undefined : leases.named(leaseId);
    const connectionId = parseSessionId(sessionId)?.connectionId ?? "";
    const refusal = blocks.refusal(userId, deviceId, connectionId, moment.clockMs);
    const heartbeat = { deviceId, sessionId, instanceId, lease, refusal };
    const decision = decideHeartbeat(record, heartbeat, moment, rules);
    switch (decision.kind) {
      case "revived":
        if (record?.devices.has(deviceId) !== true) this.#users.makeRoom(moment);
        this.#users.commit(userId, deviceId, record, decision, this.#deadlineMs(moment, leaseId), moment);
        return refreshed;
      case "live":
        this.#extend(userId, deviceId, decision.sessionId, decision.record, record !== decision.record, moment);
        return refreshed;
      case "superseded":
        return decision;
      default: {
        const { record: remembered, ...refusal } = decision;
        if (remembered !== undefined) records.write(userId, remembered, deviceId, noDeadline);
        return refusal;
      }
    }
  }

  setActivity(session: SessionRef, activity: Activity): Awaited<ReturnType<StatusStore["setActivity"]>> {
    const { clocks, blocks, rules } = this.#state;
    const { userId, deviceId, sessionId } = session;
    const moment = clocks.moment();
    const record = this.#users.read(userId, moment);
    const connectionId = parseSessionId(sessionId)?.connectionId ?? "";
    const refusal = blocks.refusal(userId, deviceId, connectionId, moment.clockMs);
    const heartbeat = { deviceId, sessionId, instanceId: unknownInstance, activity, refusal };
    const decision = decideHeartbeat(record, heartbeat, moment, rules);
    if (decision.kind === "revived") throw new Error("a heartbeat with session_id brings nothing back");
    if (decision.kind !== "live") return decision;
    if (decision.record === record) {
      this.#extend(userId, deviceId, sessionId, record, false, moment);
    } else {
      const leaseId = decision.record.devices.get(deviceId)?.current?.leaseId ?? "";
      this.#users.commit(userId, deviceId, record, decision, this.#deadlineMs(moment, leaseId), moment);
    }
    return { kind: "refreshed" };
  }

  #end(ending: SessionEnd, moment: Moment): UnregisterResult {
    const { records, rules } = this.#state;
    const { userId, deviceId, traceparent } = ending;
    const record = this.#users.read(userId, moment);
    const decision = decideUnregister(record, ending, moment, rules);
    switch (decision.kind) {
      case "ended":
        this.#users.commit(userId, deviceId, record, decision, noDeadline, moment, traceparent);
        return { kind: "ended" };
      case "grace": {
        const before = records.deadlineMs(userId, deviceId) ?? noDeadline;
        const deadlineMs = Math.max(decision.earliestMs, Math.min(before, decision.latestMs));
        this.#users.commit(userId, deviceId, record, decision, deadlineMs, moment);
        return { kind: "grace" };
      }
      case "left-alone":
        return { kind: decision.why };
    }
  }

  /** Extends a live session where it is, or moves it under the lease that the record says now. */
  #extend(
    userId: string,
    deviceId: string,
    sessionId: string,
    record: UserRecord,
    isMoved: boolean,
    { clockMs }: Moment,
  ): void {
    const { records, rules } = this.#state;
    const leasedMs = clockMs + rules.leasedTtlMs;
    if (isMoved) records.write(userId, record, deviceId, leasedMs);
    else records.extend(userId, deviceId, sessionId, clockMs + rules.ttlMs, leasedMs);
  }

  /** Of a session that begins. */
  #deadlineMs({ clockMs }: Moment, leaseId: string): number {
    const { ttlMs, leasedTtlMs } = this.#state.rules;
    return clockMs + (leaseId === "" ? ttlMs : leasedTtlMs);
  }
}

type SessionEnd = SessionRef & { readonly reason: EndReason; readonly traceparent?: string | undefined };
