import type { LogEntry } from "../domain/log-entry.ts";

/** Entries in memory for one publisher of one shard; further ones are read from the log when they are next. */
const pendingMax = 1_000;

/**
 * The entries of one shard's log that one publisher still has to send. The log is the durable outbox; this holds its
 * next entries in memory, so that usually none has to be read.
 */
export class Outbox {
  /** Version of the last entry that the publisher accepted. */
  cursor: number;
  #pending: LogEntry[] = [];
  /** The log may hold entries after those pending. */
  #isBehind = true;
  #announcedWhileReading = false;

  constructor(cursor: number) {
    this.cursor = cursor;
  }

  /** The log's next entry was announced. */
  announce(entry: LogEntry): void {
    this.#announcedWhileReading = true;
    if (this.#isBehind) return;
    if (this.#pending.length >= pendingMax) this.#isBehind = true;
    else this.#pending.push(entry);
  }

  /** The log may have entries that were not announced. */
  fallBehind(): void {
    this.#isBehind = true;
    // Nor need a read that is under way see them.
    this.#announcedWhileReading = true;
  }

  get hasWork(): boolean {
    return this.#pending.length > 0 || this.#isBehind;
  }

  /** Version, which is µs since 1970, of the oldest entry known to be unsent. */
  get oldestPending(): number | undefined {
    return this.#pending[0]?.version;
  }

  /**
   * The next entries to send, at most `limit`; the same ones again until `accepted`.
   * @param read the log's entries after a version, oldest first
   */
  async next(limit: number, read: (after: number, limit: number) => Promise<LogEntry[]>): Promise<LogEntry[]> {
    if (this.#pending.length === 0 && this.#isBehind) {
      this.#announcedWhileReading = false;
      const entries = await read(this.cursor, pendingMax);
      // Entries announced during the read may be missing in it.
      this.#isBehind = entries.length >= pendingMax || this.#announcedWhileReading;
      this.#pending = entries;
    }
    return this.#pending.slice(0, limit);
  }

  /** The publisher accepted these, the first of the pending ones, or need not be told of them. */
  accepted(entries: readonly LogEntry[]): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    this.#pending.splice(0, entries.length);
    this.cursor = last.version;
  }
}
