import { codeBehind, type RedisConnection, type Reply, replyBehind, text } from "@realchat/presence-redis";
import { type Change, change } from "./lua/change.ts";
import { changeWhenOutOfMemory } from "./lua/change-when-out-of-memory.ts";
import type { Scripts } from "./scripts.ts";
import type { Shard } from "./shard.ts";
import type { Ticks } from "./ticks.ts";
import { type Unreadables, unreadableBehind } from "./unreadables.ts";

/** Has Redis decide about many changes of a shard in one call. */
export class Changes {
  readonly #connection: RedisConnection;
  readonly #scripts: Scripts;
  readonly #ticks: Ticks;
  readonly #unreadable: Unreadables;

  constructor(parts: {
    connection: RedisConnection;
    scripts: Scripts;
    ticks: Ticks;
    unreadable: Unreadables;
  }) {
    this.#connection = parts.connection;
    this.#scripts = parts.scripts;
    this.#ticks = parts.ticks;
    this.#unreadable = parts.unreadable;
  }

  /** @returns an answer each, or why there is none */
  async decide(shard: Shard, changes: readonly Change[]): Promise<readonly (string | Error)[]> {
    try {
      return await this.#run(change, shard, changes);
    } catch (error) {
      if (codeBehind(error) !== "OOM") throw error;
      return this.#changeWhenOutOfMemory(shard, changes, error as Error);
    }
  }

  /** Redis has no memory for registrations, and did nothing: all else is as good as before. */
  async #changeWhenOutOfMemory(
    shard: Shard,
    changes: readonly Change[],
    refusal: Error,
  ): Promise<readonly (string | Error)[]> {
    const others = changes.filter(([kind]) => kind !== "register");
    const answers = others.length === 0 ? [] : await this.#run(changeWhenOutOfMemory, shard, others);
    const next = answers.values();
    return changes.map(([kind]) => (kind === "register" ? refusal : (next.next().value as string | Error)));
  }

  /** Needs the shard's clock, which only a tick may start; without it nothing was done. */
  async #run(script: typeof change, shard: Shard, changes: readonly Change[]): Promise<readonly (string | Error)[]> {
    const { deadlines, log, meta, live, recordPrefix } = shard.keys;
    const run = () => this.#scripts.run(script, { deadlines, log, meta, live }, { recordPrefix }, changes.flat());
    let answers: readonly Reply[];
    try {
      answers = await run();
    } catch (error) {
      if (codeBehind(error) !== "NOCLOCK") throw error;
      await this.#ticks.tick(shard, 0);
      answers = await run();
    }
    return answers.map((answer, index) => this.#read(answer, shard, changes[index] as Change));
  }

  #read(answer: Reply, shard: Shard, [, userId]: Change): string | Error {
    try {
      return text(answer);
    } catch (error) {
      const why = unreadableBehind(replyBehind(error));
      return why === undefined ? this.#connection.failure(error) : this.#unreadable.record(shard, userId, why);
    }
  }
}
