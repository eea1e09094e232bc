import { codeBehind, type Reply, replyBehind, text } from "@realchat/presence-redis";
import { type Change, change } from "../lua/change/change.ts";
import { changeWhenOutOfMemory } from "../lua/change/change-when-out-of-memory.ts";
import { type Unreadables, unreadableBehind } from "../records/unreadables.ts";
import type { Scripts } from "../scripts.ts";
import type { ShardState } from "./shard-state.ts";
import type { ShardTicks } from "./shard-ticks.ts";

/** Has Redis decide about many changes of a shard in one call. */
export class ShardChanges {
  readonly #state: ShardState;
  readonly #ticks: ShardTicks;
  readonly #scripts: Scripts;
  readonly #unreadable: Unreadables;

  constructor(
    state: ShardState,
    ticks: ShardTicks,
    parts: { readonly scripts: Scripts; readonly unreadable: Unreadables },
  ) {
    this.#state = state;
    this.#ticks = ticks;
    this.#scripts = parts.scripts;
    this.#unreadable = parts.unreadable;
  }

  /** @returns an answer each, or why there is none */
  async decide(changes: readonly Change[]): Promise<readonly (string | Error)[]> {
    try {
      return await this.#run(change, changes);
    } catch (error) {
      if (codeBehind(error) !== "OOM") throw error;
      return this.#decideWhenOutOfMemory(changes, error as Error);
    }
  }

  /** Redis has no memory for registrations, and did nothing: all other changes are decided as before. */
  async #decideWhenOutOfMemory(changes: readonly Change[], refusal: Error): Promise<readonly (string | Error)[]> {
    const others = changes.filter(([kind]) => kind !== "register");
    const answers = others.length === 0 ? [] : await this.#run(changeWhenOutOfMemory, others);
    const next = answers.values();
    return changes.map(([kind]) => (kind === "register" ? refusal : (next.next().value as string | Error)));
  }

  async #run(script: typeof change, changes: readonly Change[]): Promise<readonly (string | Error)[]> {
    const { keys, link } = this.#state;
    const { deadlines, log, meta, live, recordPrefix } = keys;
    const answers = await this.#ticks.withClock(() =>
      this.#scripts.run(link, script, { deadlines, log, meta }, { recordPrefix, live }, changes.flat()),
    );
    return answers.map((answer, index) => this.#read(answer, changes[index] as Change));
  }

  #read(answer: Reply, [, userId]: Change): string | Error {
    try {
      return text(answer);
    } catch (error) {
      const why = unreadableBehind(replyBehind(error));
      return why === undefined ? this.#state.link.failure(error) : this.#unreadable.record(this.#state, userId, why);
    }
  }
}
