import type { RestateDuty, RestateStep } from "../../store.ts";
import type { Operations } from "../health/operations.ts";
import { beginRestating } from "../lua/restating/begin-restating.ts";
import { complete } from "../lua/restating/complete.ts";
import { restate } from "../lua/restating/restate.ts";
import type { RecordScan } from "../records/record-scan.ts";
import type { Scripts } from "../scripts.ts";
import type { ShardState } from "../shard/shard-state.ts";

/** Users of one script call, 12 µs each. Redis answers no other command meanwhile. */
const callMaxUsers = 50;
/** What the script answers instead of a number of users. */
const logIsFull = -1;

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
    // One call after the other, so that heartbeats get in between.
    for (const [{ state }, userIds] of users) {
      const duty = duties.get(state.number) as RestateDuty;
      try {
        for (let from = 0; from < userIds.length && !full.has(state.number); from += callMaxUsers) {
          const answer = await this.#call(state, duty, userIds.slice(from, from + callMaxUsers));
          if (answer === logIsFull) full.add(state.number);
          else restated += Math.max(0, answer);
        }
      } catch {
        // What is wrong with one shard must not keep the others from being restated.
        failed.add(state.number);
      }
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
