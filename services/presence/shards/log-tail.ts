import type { LeaseNotice } from "../domain/lease-notice.ts";
import type { LogEntry } from "../domain/log-entry.ts";
import type { TransitionLog } from "../store/store.ts";

/** Entries per read while catching up, and announcements buffered meanwhile. */
const pageSize = 1_000;
const bufferedMax = 10_000;

/** Receives what a tail reads, in the order of the log. */
interface TailReader {
  entry(entry: LogEntry): void;
  /** The end of the log is known for the first time: what is in it so far is not told. */
  begins(shard: number): void;
  /** Entries were trimmed before they were read: drop all state derived from this shard, and take a fresh snapshot. */
  gap(shard: number): void;
  /** See LogListener: these have no log entry, and no order. */
  devicesChanged(userId: string): void;
  leaseNotice(notice: LeaseNotice): void;
  /** What has neither may have been missed. */
  interrupted(): void;
}

/**
 * Follows the log of one shard: each entry once, in order. Entries come by announcements. The log itself is read when
 * some may have been missed: at the start, after each reconnect, and when a tick shows a version that was not
 * announced.
 */
export class LogTail {
  readonly shard: number;
  readonly #log: TransitionLog;
  readonly #reader: TailReader;
  #position: number | undefined;
  #buffered: LogEntry[] | undefined;
  #mustReadAgain = false;
  #isIncomplete = true;
  #lastTickVersion = 0;
  #unfollow: (() => void) | undefined;

  constructor(log: TransitionLog, shard: number, reader: TailReader) {
    this.#log = log;
    this.shard = shard;
    this.#reader = reader;
  }

  start(): void {
    this.#unfollow = this.#log.follow(this.shard, {
      entry: (entry) => this.#onAnnounced(entry),
      interrupted: () => {
        this.#reader.interrupted();
        void this.#catchUp();
      },
      devicesChanged: (userId) => this.#reader.devicesChanged(userId),
      leaseNotice: (notice) => this.#reader.leaseNotice(notice),
    });
  }

  stop(): void {
    this.#unfollow?.();
    this.#unfollow = undefined;
  }

  /** Version of the last delivered entry; undefined until the end of the log is known. */
  get position(): number | undefined {
    return this.#position;
  }

  /** A tick returned this last version. If it is not announced before the next tick, it was missed. */
  onTick(lastVersion: number): void {
    const missed = this.#isIncomplete || this.#position === undefined || this.#position < this.#lastTickVersion;
    this.#lastTickVersion = lastVersion;
    if (missed && this.#buffered === undefined) void this.#catchUp();
  }

  #onAnnounced(entry: LogEntry): void {
    if (this.#buffered !== undefined) {
      if (this.#buffered.length < bufferedMax) this.#buffered.push(entry);
      else this.#mustReadAgain = true;
    } else if (!this.#isIncomplete) {
      this.#deliver(entry);
    }
  }

  #deliver(entry: LogEntry): void {
    if (this.#position === undefined || entry.version <= this.#position) return;
    this.#position = entry.version;
    this.#reader.entry(entry);
  }

  async #catchUp(): Promise<void> {
    if (this.#buffered !== undefined) {
      this.#mustReadAgain = true;
      return;
    }
    this.#buffered = [];
    this.#isIncomplete = true;
    try {
      do {
        this.#mustReadAgain = false;
        await this.#readToTheEnd();
      } while (this.#mustReadAgain);
      this.#isIncomplete = false;
    } catch {
      // The store cannot answer: a reconnect or the next tick repeats this.
    }
    const held = this.#buffered;
    this.#buffered = undefined;
    // Before the end of the log was read these would leave a gap; the next catch-up reads them.
    if (!this.#isIncomplete) for (const entry of held) this.#deliver(entry);
  }

  async #readToTheEnd(): Promise<void> {
    if (this.#position === undefined) {
      this.#position = await this.#log.lastVersion(this.shard);
      this.#reader.begins(this.shard);
    }
    for (;;) {
      const page = await this.#log.readLog(this.shard, this.#position, pageSize);
      if (this.#unfollow === undefined) return;
      if (page.gap) this.#reader.gap(this.shard);
      for (const entry of page.entries) this.#deliver(entry);
      if (page.entries.length < pageSize) return;
    }
  }
}
