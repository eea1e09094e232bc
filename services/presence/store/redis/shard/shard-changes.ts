import { codeBehind, type Reply, replyBehind, text } from "@realchat/presence-redis";
import type { Clock } from "@realchat/presence-runtime";
import { type Change, change } from "../lua/change/change.ts";
import { changeWhenOutOfMemory } from "../lua/change/change-when-out-of-memory.ts";
import { type Unreadables, unreadableBehind } from "../records/unreadables.ts";
import type { Scripts } from "../scripts.ts";
import type { ShardState } from "./shard-state.ts";
import type { ShardTicks } from "./shard-ticks.ts";

export interface ChangeParts {
  readonly scripts: Scripts;
  readonly unreadable: Unreadables;
  readonly clock: Clock;
}

/** Has Redis decide about many changes of a shard in one call, which changes nothing when it is carried out too late. */
export class ShardChanges {
  readonly #state: ShardState;
  readonly #ticks: ShardTicks;
  readonly #parts: ChangeParts;

  constructor(state: ShardState, ticks: ShardTicks, parts: ChangeParts) {
    this.#state = state;
    this.#ticks = ticks;
    this.#parts = parts;
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

  /** Redis has no memory for registrations and claims, and did nothing: all other changes are decided as before. */
  async #decideWhenOutOfMemory(changes: readonly Change[], refusal: Error): Promise<readonly (string | Error)[]> {
    const others = changes.filter(([kind]) => !takesMemory(kind));
    const answers = others.length === 0 ? [] : await this.#run(changeWhenOutOfMemory, others);
    const next = answers.values();
    return changes.map(([kind]) => (takesMemory(kind) ? refusal : (next.next().value as string | Error)));
  }

  async #run(script: typeof change, changes: readonly Change[]): Promise<readonly (string | Error)[]> {
    const { keys, link } = this.#state;
    const { scripts, clock } = this.#parts;
    const { deadlines, log, meta, live } = keys;
    const answers = await this.#ticks.inTime(clock.monotonicMs(), (until) =>
      scripts.run(
        link,
        script,
        { deadlines, log, meta },
        { live, ...until, traceparents: traceparentsOf(changes) },
        changes.flatMap(argumentsOf),
      ),
    );
    return answers.map((answer, index) => this.#read(answer, changes[index] as Change));
  }

  #read(answer: Reply, [, userId, , , , , , traceparent]: Change): string | Error {
    try {
      return text(answer);
    } catch (error) {
      const why = unreadableBehind(replyBehind(error));
      return why === undefined
        ? this.#state.link.failure(error)
        : this.#parts.unreadable.record(this.#state, userId, why, traceparent);
    }
  }
}

function argumentsOf([kind, userId, deviceId, one, two, three, four]: Change): readonly string[] {
  return [kind, userId, deviceId, one, two, three, four];
}

/** Each behind the number of its change. */
function traceparentsOf(changes: readonly Change[]): string {
  let lines = "";
  for (const [index, { 7: traceparent = "" }] of changes.entries()) {
    if (traceparent !== "") lines += `\n${index + 1} ${traceparent}`;
  }
  return lines;
}

function takesMemory(kind: Change[0]): boolean {
  return kind === "register" || kind === "claim";
}
