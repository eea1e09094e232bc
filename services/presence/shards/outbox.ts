import type { Transition } from "../domain/transition.ts";

/** Entries kept at hand for one publisher of one shard; beyond, they are read from the log when their turn comes. */
const pendingMax = 1_000;

/**
 * What one publisher still has to send of one shard's log. The log is the outbox proper: this holds its next entries,
 * so that in the usual case none has to be read.
 */
export class Outbox {
  /** Version of the last entry that the publisher accepted. */
  cursor: number;
  #pending: Transition[] = [];
  /** The log may hold entries after those pending. */
  #behind = true;
  #announcedWhileReading = false;

  constructor(cursor: number) {
    this.cursor = cursor;
  }

  /** The log's next entry came by. */
  announce(transition: Transition): void {
    this.#announcedWhileReading = true;
    if (this.#behind) return;
    if (this.#pending.length >= pendingMax) this.#behind = true;
    else this.#pending.push(transition);
  }

  get hasWork(): boolean {
    return this.#pending.length > 0 || this.#behind;
  }

  /** Version, which is µs since 1970, of the oldest entry known to be unsent. */
  get oldestPending(): number | undefined {
    return this.#pending[0]?.version;
  }

  /**
   * The next entries to send, at most `limit`; the same ones again until `accepted`.
   * @param read the log's entries after a version, oldest first
   */
  async next(limit: number, read: (after: number, limit: number) => Promise<Transition[]>): Promise<Transition[]> {
    if (this.#pending.length === 0 && this.#behind) {
      this.#announcedWhileReading = false;
      const entries = await read(this.cursor, pendingMax);
      // What was announced during the read may be missing in it.
      this.#behind = entries.length >= pendingMax || this.#announcedWhileReading;
      this.#pending = entries;
    }
    return this.#pending.slice(0, limit);
  }

  /** The publisher has these, the first of those pending. */
  accepted(transitions: readonly Transition[]): void {
    const last = transitions.at(-1);
    if (last === undefined) return;
    this.#pending.splice(0, transitions.length);
    this.cursor = last.version;
  }
}
