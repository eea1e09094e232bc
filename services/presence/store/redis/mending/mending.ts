import type { Mended } from "../../store.ts";
import type { RecordScan } from "../records/record-scan.ts";
import type { RedisShard } from "../shard/redis-shard.ts";
import type { DeadlineWalk } from "./deadline-walk.ts";

/** See RecordScan. */
const scanCount = 500;
/** Users of one script call, 6 µs each. Redis answers no other command meanwhile. */
const callMaxUsers = 100;
/** In front of the number of a shard and a cursor within its deadlines. */
const ofDeadlines = "deadlines:";

/**
 * Walks over the records of all shards in one scan; then over the deadlines of one shard after the other. What is away
 * now is mended by the next walk.
 */
export class Mending {
  readonly #scan: RecordScan;
  readonly #deadlines: DeadlineWalk;
  readonly #shards: readonly RedisShard[];

  constructor(scan: RecordScan, deadlines: DeadlineWalk, shards: readonly RedisShard[]) {
    this.#scan = scan;
    this.#deadlines = deadlines;
    this.#shards = shards;
  }

  /** See RecordKeeping. */
  async step(cursor: string, held: ReadonlySet<number>): Promise<{ cursor: string } & Mended> {
    if (!cursor.startsWith(ofDeadlines)) return this.#recordsStep(cursor, held);
    const [number, within = ""] = cursor.slice(ofDeadlines.length).split(":");
    return this.#deadlinesStep(Number(number), within, held);
  }

  async #deadlinesStep(from: number, within: string, held: ReadonlySet<number>): Promise<{ cursor: string } & Mended> {
    const state = this.#shards
      .map((shard) => shard.state)
      .find(({ number, link }) => number >= from && held.has(number) && link.isReady);
    if (state === undefined) return { cursor: "", given: 0, dropped: 0, recounted: 0 };
    const { cursor, dropped, recounted } = await this.#deadlines.step(state, state.number === from ? within : "");
    const next = cursor === "" ? `${state.number + 1}:` : `${state.number}:${cursor}`;
    return { cursor: ofDeadlines + next, given: 0, dropped, recounted: recounted ? 1 : 0 };
  }

  async #recordsStep(cursor: string, held: ReadonlySet<number>): Promise<{ cursor: string } & Mended> {
    const { cursor: next, users } = await this.#scan.step(cursor, (shard) => held.has(shard), scanCount);
    let given = 0;
    for (const [shard, userIds] of users) {
      for (let from = 0; from < userIds.length; from += callMaxUsers) {
        given += await shard.mend(userIds.slice(from, from + callMaxUsers));
      }
    }
    return { cursor: next === "" ? `${ofDeadlines}0:` : next, given, dropped: 0, recounted: 0 };
  }
}
