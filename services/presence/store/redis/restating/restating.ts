import type { RestateDuty, RestateStep } from "../../store.ts";
import type { Operations } from "../health/operations.ts";
import { beginRestating } from "../lua/restating/begin-restating.ts";
import { complete } from "../lua/restating/complete.ts";
import { restate } from "../lua/restating/restate.ts";
import type { RecordScan } from "../records/record-scan.ts";
import type { Scripts } from "../scripts.ts";
import type { ShardState } from "../shard/shard-state.ts";

/** Users of one script call, 12 µs each, and calls sent at once. Redis answers no other command meanwhile. */
const callMaxUsers = 32;
const callsAtOnce = 4;
/** What the script answers instead of a number of users. */
const logIsFull = -1;

interface Call {
  readonly state: ShardState;
  readonly userIds: readonly string[];
}

/** Says again who is online; see RecordKeeping. */
export class Restating {
  readonly #scan: RecordScan;
  readonly #shards: readonly { readonly state: ShardState }[];
  readonly #scripts: Scripts;
  readonly #operations: Operations;

  constructor(
    scan: RecordScan,
    shards: readonly { readonly state: ShardState }[],
    { scripts, operations }: { readonly scripts: Scripts; readonly operations: Operations },
  ) {
    this.#scan = scan;
    this.#shards = shards;
    this.#scripts = scripts;
    this.#operations = operations;
  }

  async step(cursor: string, duties: ReadonlyMap<number, RestateDuty>): Promise<RestateStep> {
    const failed = new Set(this.#away(duties));
    const { cursor: next, users } = await this.#counted(() => this.#scan.step(cursor, (shard) => duties.has(shard)));
    const full = new Set<number>();
    // The scan passes over a server that is away when a step begins, or when it ends.
    for (const shard of this.#away(duties)) failed.add(shard);
    let restated = 0;
    const call = async ({ state, userIds }: Call) => {
      try {
        const answer = await this.#call(state, duties.get(state.number) as RestateDuty, userIds);
        if (answer === logIsFull) full.add(state.number);
        else restated += Math.max(0, answer);
      } catch {
        // What is wrong with one shard must not keep the others from being restated.
        failed.add(state.number);
      }
    };
    // A few at once, so that heartbeats get in between.
    const calls = callsFor(users);
    for (let from = 0; from < calls.length; from += callsAtOnce) {
      await Promise.all(calls.slice(from, from + callsAtOnce).map(call));
    }
    return { cursor: next, restated, full, failed };
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

  #away(duties: ReadonlyMap<number, RestateDuty>): number[] {
    return [...duties.keys()].filter((shard) => !this.#shards[shard]?.state.link.isReady);
  }

  #call({ keys, link }: ShardState, { begin, fence }: RestateDuty, userIds: readonly string[]): Promise<number> {
    const { meta, log, live, recordPrefix } = keys;
    const args = { begin, fence, recordPrefix, live };
    return this.#counted(() => this.#scripts.run(link, restate, { meta, log }, args, userIds));
  }

  #counted<T>(operation: () => Promise<T>): Promise<T> {
    return this.#operations.run("restate", operation);
  }
}

/** The calls of each shard among those of the others. */
function callsFor(users: ReadonlyMap<{ readonly state: ShardState }, readonly string[]>): Call[] {
  const calls: Call[] = [];
  const longest = Math.max(0, ...[...users.values()].map(({ length }) => length));
  for (let from = 0; from < longest; from += callMaxUsers) {
    for (const [{ state }, ofShard] of users) {
      const userIds = ofShard.slice(from, from + callMaxUsers);
      if (userIds.length > 0) calls.push({ state, userIds });
    }
  }
  return calls;
}
