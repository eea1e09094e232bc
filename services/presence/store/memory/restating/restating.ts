import { decideRestate } from "../../../domain/restating.ts";
import type { RestateDuty, RestateStep } from "../../store.ts";
import type { Leases } from "../publishing/leases.ts";
import type { UserRecords } from "../records/user-records.ts";
import { type ShardState, shard } from "../shard/shard-state.ts";

const pageUsers = 500;
const none: ReadonlySet<number> = new Set();

/** Says again who is online, where the log ran over; see RecordKeeping. */
export class Restating {
  readonly #state: ShardState;
  readonly #users: UserRecords;
  readonly #leases: Leases;

  constructor(state: ShardState, users: UserRecords, leases: Leases) {
    this.#state = state;
    this.#users = users;
    this.#leases = leases;
  }

  step(cursor: string, duties: ReadonlyMap<number, RestateDuty>): RestateStep {
    const { log, logMaxEntries, records } = this.#state;
    const duty = duties.get(shard);
    if (duty === undefined) return { cursor: "", restated: 0, undone: none, failed: none };
    if (!this.#isOwed(duty) || log.length * 2 > logMaxEntries) {
      return { cursor, restated: 0, undone: new Set([shard]), failed: none };
    }
    const { userIds, next } = records.onlineFrom(Number(cursor), pageUsers);
    const restated = userIds.filter((userId) => this.#restate(userId, duty.begin)).length;
    return { cursor: next === undefined ? "" : String(next), restated, undone: none, failed: none };
  }

  complete(duty: RestateDuty): boolean {
    if (!this.#isOwed(duty)) return false;
    const state = this.#state;
    if (state.restated < duty.begin) {
      const version = state.nextVersion(state.clocks.moment());
      state.log.append({ mark: "complete", shard, version, begin: duty.begin });
      state.restated = duty.begin;
    }
    return true;
  }

  begin(fence: number): number | undefined {
    if (!this.#leases.isCurrent(fence)) return undefined;
    const state = this.#state;
    state.begin = state.nextVersion(state.clocks.moment());
    state.log.append({ mark: "begin", shard, version: state.begin });
    return state.begin;
  }

  #isOwed({ begin, fence }: RestateDuty): boolean {
    return begin === this.#state.begin && this.#leases.isCurrent(fence);
  }

  #restate(userId: string, begin: number): boolean {
    const { clocks, records } = this.#state;
    const moment = clocks.moment();
    const record = this.#users.read(userId, moment);
    const transition = record && decideRestate(record, begin);
    if (record === undefined || transition === undefined) return false;
    records.setVersion(userId, this.#users.tell(userId, transition, record, moment));
    return true;
  }
}
