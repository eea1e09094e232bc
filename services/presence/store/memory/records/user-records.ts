import { isDeviceChange } from "../../../domain/device-change.ts";
import { supersededNotice } from "../../../domain/lease-notice.ts";
import type { Moment } from "../../../domain/moment.ts";
import type { Device, UserRecord } from "../../../domain/session.ts";
import { decideStatusChange, statusIn } from "../../../domain/status-change.ts";
import type { NewTransition } from "../../../domain/transition.ts";
import { toMs } from "../shard/shard-clocks.ts";
import { type ShardState, shard } from "../shard/shard-state.ts";

/** What a decision makes of a record. */
interface Decided {
  readonly record: UserRecord;
  readonly transition?: NewTransition | undefined;
  readonly replaced?: Device["current"];
}

interface Telling {
  readonly traceparent?: string | undefined;
  readonly leastVersion?: number;
}

/** Of a device that has no session. */
export const noDeadline = Number.POSITIVE_INFINITY;

/** The records of users, with what is claimed of them. What changes in one is told: it goes into the log first. */
export class UserRecords {
  readonly #state: ShardState;

  constructor(state: ShardState) {
    this.#state = state;
  }

  /** The user's record, unless it outlived the retention. */
  read(userId: string, moment: Moment): UserRecord | undefined {
    const { records, retentionMs } = this.#state;
    const record = records.read(userId);
    const isKept = record === undefined || record.online || toMs(record.version) + retentionMs > toMs(moment.nowUs);
    return this.#claimed(userId, isKept ? record : undefined);
  }

  /** The record of a user who is online. */
  readOnline(userId: string): UserRecord | undefined {
    return this.#claimed(userId, this.#state.records.read(userId));
  }

  /** When an offline user was last seen, as long as that is remembered: a record with claims lives longer. */
  lastSeenMs({ lastSeenMs }: UserRecord, { nowUs }: Moment): number {
    return lastSeenMs + this.#state.retentionMs > toMs(nowUs) ? lastSeenMs : 0;
  }

  /**
   * The log goes first, as in every store: a reader who finds a version in a record finds its entry too.
   * @returns the user's version after it
   */
  commit(
    userId: string,
    deviceId: string,
    before: UserRecord | undefined,
    { record, transition, replaced }: Decided,
    deadlineMs: number,
    moment: Moment,
    traceparent?: string,
  ): number {
    const { log, records, begin } = this.#state;
    const notice = supersededNotice(userId, deviceId, replaced);
    if (notice !== undefined) log.leaseNotice(notice);
    const isOther = transition === undefined && isDeviceChange(before, record, deviceId);
    const change = transition ?? decideStatusChange(before, record, begin);
    const version = this.tell(userId, change, record, moment, { traceparent });
    records.write(userId, version === record.version ? record : { ...record, version }, deviceId, deadlineMs);
    if (isOther) log.devicesChanged(userId);
    return version;
  }

  /** Appends a transition to the log, if there is one. @returns the user's version after it */
  tell(
    userId: string,
    transition: NewTransition | undefined,
    record: UserRecord,
    moment: Moment,
    { traceparent, leastVersion = 0 }: Telling = {},
  ): number {
    if (transition === undefined) return record.version;
    const version = Math.max(this.#state.nextVersion(moment), leastVersion);
    const lastSeenMs = transition.online ? 0 : this.lastSeenMs(record, moment);
    const status = statusIn(record);
    const further = { ...(status !== undefined && { status }), ...(traceparent !== undefined && { traceparent }) };
    this.#state.log.append({ userId, ...transition, version, lastSeenMs, shard, ...further });
    return version;
  }

  /** Before a registration is refused, the user who left longest ago is forgotten, if no late call can concern it. */
  makeRoom(moment: Moment): void {
    const { records, rules } = this.#state;
    if (!records.isFull) return;
    if (this.#forgetDeparture(moment.nowUs - rules.memoryMs * 1000)) return;
    throw this.#state.full();
  }

  /** Drops records that outlived the retention, a few at a time. */
  forgetDeparted(moment: Moment, limit: number): void {
    const belowVersion = (toMs(moment.nowUs) - this.#state.retentionMs + 1) * 1000;
    for (let forgotten = 0; forgotten < limit && this.#forgetDeparture(belowVersion); forgotten++);
  }

  #forgetDeparture(belowVersion: number): boolean {
    const { records, claims } = this.#state;
    const forgotten = records.forgetDeparted(belowVersion);
    if (forgotten !== undefined) claims.inherit(forgotten.userId, forgotten.version);
    return forgotten !== undefined;
  }

  /** A record with what is claimed of its user. */
  #claimed(userId: string, record: UserRecord | undefined): UserRecord | undefined {
    const { claims } = this.#state;
    const claimed = claims.size === 0 ? undefined : claims.get(userId);
    if (claimed === undefined) return record;
    const { book, version } = claimed;
    const known = record ?? { version: 0, online: false, lastSeenMs: 0, devices: new Map() };
    return { ...known, version: Math.max(known.version, version), claims: book };
  }
}
