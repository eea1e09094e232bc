import type { RestateDuty, RestateStep } from "../../store.ts";
import type { Operations } from "../health/operations.ts";
import { beginRestating } from "../lua/restating/begin-restating.ts";
import { complete } from "../lua/restating/complete.ts";
import { restate } from "../lua/restating/restate.ts";
import type { RecordScan } from "../records/record-scan.ts";
import type { Scripts } from "../scripts.ts";
import type { ShardState } from "../shard/shard-state.ts";

/** See RecordScan. A step with more of them waits less for answers: Redis or this node may be busy. */
const scanCount = 1_500;
/** Users of one script call, 12 µs each, and of calls sent at once. Redis answers no other command meanwhile. */
const callMaxUsers = 32;
const atOnceMaxUsers = 128;

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
    const { cursor: next, users } = await this.#counted(() =>
      this.#scan.step(cursor, (shard) => duties.has(shard), scanCount),
    );
    const undone = new Set<number>();
    // The scan passes over a server that is away when a step begins, or when it ends.
    for (const shard of this.#away(duties)) failed.add(shard);
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
    // A few at once, so that heartbeats get in between.
    for (const calls of roundsOf(callsFor(users))) await Promise.all(calls.map(call));
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

/** What is sent at once. */
function roundsOf(calls: readonly Call[]): Call[][] {
  const rounds: Call[][] = [];
  let room = 0;
  for (const call of calls) {
    if (call.userIds.length > room) {
      rounds.push([]);
      room = atOnceMaxUsers;
    }
    rounds.at(-1)?.push(call);
    room -= call.userIds.length;
  }
  return rounds;
}
