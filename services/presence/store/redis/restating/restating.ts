import type { Clock } from "@realchat/presence-runtime";
import type { RestateDuty, RestateStep } from "../../store.ts";
import type { Operations } from "../health/operations.ts";
import { beginRestating } from "../lua/restating/begin-restating.ts";
import { complete } from "../lua/restating/complete.ts";
import { restate } from "../lua/restating/restate.ts";
import type { RecordScan } from "../records/record-scan.ts";
import type { Scripts } from "../scripts.ts";
import type { ShardState } from "../shard/shard-state.ts";

/** Of one SCAN, see RecordScan, and scans of a step: of fewer users, each shard's calls would not be full. */
const scanCount = 500;
const stepScans = 3;
/** Users of one script call, 8 µs each. Redis answers no other command meanwhile. */
const callMaxUsers = 32;
/**
 * Users of the calls that are sent at once: a millisecond of Redis. Where calls take long anyway, since the machine is
 * busy or the network is slow, as many more as keep Redis for a quarter of that time.
 */
const atOnceUsers = { least: 128, perMs: 32, most: 512 };

interface Call {
  readonly state: ShardState;
  readonly userIds: readonly string[];
}

interface Found {
  readonly cursor: string;
  readonly users: ReadonlyMap<ShardState, readonly string[]>;
  /** Shards of which users were passed over. */
  readonly failed: Set<number>;
}

/** Says again who is online; see RecordKeeping. */
export class Restating {
  readonly #scan: RecordScan;
  readonly #shards: readonly { readonly state: ShardState }[];
  readonly #scripts: Scripts;
  readonly #operations: Operations;
  readonly #clock: Clock;
  #atOnceUsers = atOnceUsers.least;

  constructor(
    scan: RecordScan,
    shards: readonly { readonly state: ShardState }[],
    parts: { readonly scripts: Scripts; readonly operations: Operations; readonly clock: Clock },
  ) {
    const { scripts, operations, clock } = parts;
    this.#scan = scan;
    this.#shards = shards;
    this.#scripts = scripts;
    this.#operations = operations;
    this.#clock = clock;
  }

  async step(
    cursor: string,
    duties: ReadonlyMap<number, RestateDuty>,
    rest = async (_users: number) => {},
  ): Promise<RestateStep> {
    const { cursor: next, users, failed } = await this.#counted(() => this.#find(cursor, duties));
    const undone = new Set<number>();
    let restated = 0;
    const call = async ({ state, userIds }: Call) => {
      try {
        const answer = await this.#call(state, duties.get(state.number) as RestateDuty, userIds);
        if (answer < 0) undone.add(state.number);
        else restated += answer;
      } catch {
        // What is wrong with one shard must not keep the others from being restated.
        failed.add(state.number);
      }
    };
    // A few at once, so that heartbeats get in between, and what follows from them does not come all at once either.
    const calls = callsFor(users);
    while (calls.length > 0) {
      const startedMs = this.#clock.monotonicMs();
      await Promise.all(firstOf(calls, this.#atOnceUsers).map(call));
      const { least, perMs, most } = atOnceUsers;
      const tookMs = this.#clock.monotonicMs() - startedMs;
      this.#atOnceUsers = Math.min(most, Math.max(least, Math.floor(tookMs * perMs)));
      if (calls.length > 0) await rest(restated);
    }
    return { cursor: next, restated, undone, failed };
  }

  async complete({ keys, link }: ShardState, { begin, fence }: RestateDuty): Promise<boolean> {
    const { meta, log, live, recordPrefix } = keys;
    const args = { begin, fence, live, recordPrefix };
    return (await this.#counted(() => this.#scripts.run(link, complete, { meta, log }, args))) === 1;
  }

  begin({ keys, link }: ShardState, fence: number): Promise<number | undefined> {
    const { meta, log, live } = keys;
    return this.#counted(() => this.#scripts.run(link, beginRestating, { meta, log }, { fence, live }));
  }

  async #find(cursor: string, duties: ReadonlyMap<number, RestateDuty>): Promise<Found> {
    const users = new Map<ShardState, string[]>();
    const failed = new Set(this.#away(duties));
    let next = cursor;
    for (let scans = 0; scans < stepScans; scans++) {
      const page = await this.#scan.step(next, (shard) => duties.has(shard), scanCount);
      // The scan passes over a server that is away when it begins, or when it ends.
      for (const shard of this.#away(duties)) failed.add(shard);
      for (const [{ state }, some] of page.users) users.set(state, [...(users.get(state) ?? []), ...some]);
      next = page.cursor;
      if (next === "") break;
    }
    return { cursor: next, users, failed };
  }

  #away(duties: ReadonlyMap<number, RestateDuty>): number[] {
    return [...duties.keys()].filter((shard) => !this.#shards[shard]?.state.link.isReady);
  }

  #call({ keys, link }: ShardState, { begin, fence }: RestateDuty, userIds: readonly string[]): Promise<number> {
    const { meta, log, live, recordPrefix } = keys;
    const args = { begin, fence, recordPrefix, live };
    const records = userIds.map((userId) => recordPrefix + userId);
    return this.#counted(() => this.#scripts.run(link, restate, { meta, log }, args, records));
  }

  #counted<T>(operation: () => Promise<T>): Promise<T> {
    return this.#operations.run("restate", operation);
  }
}

/** The calls of each shard among those of the others. */
function callsFor(users: Found["users"]): Call[] {
  const calls: Call[] = [];
  const longest = Math.max(0, ...[...users.values()].map(({ length }) => length));
  for (let from = 0; from < longest; from += callMaxUsers) {
    for (const [state, ofShard] of users) {
      const userIds = ofShard.slice(from, from + callMaxUsers);
      if (userIds.length > 0) calls.push({ state, userIds });
    }
  }
  return calls;
}

/** Takes the calls that are sent at once: as many as have so many users together, and one at least. */
function firstOf(calls: Call[], maxUsers: number): Call[] {
  let users = 0;
  const end = calls.findIndex(({ userIds }, index) => {
    users += userIds.length;
    return index > 0 && users > maxUsers;
  });
  return calls.splice(0, end < 0 ? calls.length : end);
}
