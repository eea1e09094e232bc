import { PresenceError } from "../../../domain/presence-error.ts";
import type { Unreadable } from "../../store.ts";
import type { ShardState } from "../shard/shard-state.ts";

/** How many are told of; beyond, they are only counted. */
const toldMax = 1_000;
/** In front of what scripts reply about records that cannot be read. */
const code = "UNREADABLE ";

/** @returns why a record cannot be read, if that is what a script replied; it continues a sentence */
export function unreadableBehind(reply: string): string | undefined {
  return reply.startsWith(code) ? reply.slice(code.length) : undefined;
}

/** What cannot be read, since another program wrote it: told of once, and counted whenever it is met. */
export class Unreadables {
  readonly #onFirst: (what: Unreadable) => void;
  readonly #told = new Set<string>();
  readonly #met = { records: 0, entries: 0 };

  /** @param onFirst hears of each once */
  constructor(onFirst: (what: Unreadable) => void) {
    this.#onFirst = onFirst;
  }

  /** Times that one was met. */
  get met(): { readonly records: number; readonly entries: number } {
    return this.#met;
  }

  /** Those that were told of. */
  get told(): { used: number; limit: number } {
    return { used: this.#told.size, limit: toldMax };
  }

  /**
   * A record; it concerns nobody but its user.
   * @param why continues a sentence that begins with the key
   * @param traceparent of the change that met it, where that is recorded
   * @returns what a caller who needs it is told
   */
  record(shard: ShardState, userId: string, why: string, traceparent?: string): PresenceError {
    const key = shard.keys.recordPrefix + userId;
    const user = `user ${JSON.stringify(userId)}`;
    this.#met.records += 1;
    const message = `the record ${key} ${why}: ${user} is unknown until it is deleted`;
    this.#tell(key, { key, message, traceparent });
    return new PresenceError(
      "DATA_LOSS",
      `the record of ${user} cannot be read, ${key} ${why}: whoever runs presence must delete it`,
    );
  }

  /** An entry of a shard's log, or what was announced as one; it is passed over. */
  entry({ key, id, why }: { key: string; id: string; why: string }): void {
    this.#met.entries += 1;
    this.#tell(`${key} ${id}`, { key, message: `${key} has ${id}, which ${why}: it is passed over` });
  }

  #tell(name: string, what: Unreadable): void {
    if (this.#told.has(name) || this.#told.size >= toldMax) return;
    this.#told.add(name);
    this.#onFirst(what);
  }
}
