import type { Transition } from "../domain/transition.ts";
import type { TransitionLog } from "../store/store.ts";

/** Entries read at once when catching up, and announcements kept meanwhile. */
const pageSize = 1_000;
const heldMax = 10_000;

/** What a tail tells, in the order of the log. */
interface TailReader {
  entry(transition: Transition): void;
  /** Entries were trimmed away unread: forget what was derived from this shard and take a fresh snapshot. */
  gap(shard: number): void;
  /** See LogListener: no entry, no order. */
  devicesChanged(userId: string): void;
}

/**
 * Follows the log of one shard: each entry once, in order. Announcements carry the news; the log itself is read when
 * some may have been missed: at the start, after each reconnect, and when a tick shows a version that did not come by.
 */
export class LogTail {
  readonly shard: number;
  readonly #log: TransitionLog;
  readonly #reader: TailReader;
  #position: number | undefined;
  #held: Transition[] | undefined;
  #again = false;
  #incomplete = true;
  #expected = 0;
  #unfollow: (() => void) | undefined;

  constructor(log: TransitionLog, shard: number, reader: TailReader) {
    this.#log = log;
    this.shard = shard;
    this.#reader = reader;
  }

  start(): void {
    this.#unfollow = this.#log.follow(this.shard, {
      entry: (transition) => this.#announced(transition),
      interrupted: () => void this.#catchUp(),
      devicesChanged: (userId) => this.#reader.devicesChanged(userId),
    });
  }

  stop(): void {
    this.#unfollow?.();
    this.#unfollow = undefined;
  }

  /** Version of the last entry told; undefined until the store said where its log ends. */
  get position(): number | undefined {
    return this.#position;
  }

  /** A tick showed this last version; when it has not come by until the next tick, it was missed. */
  ticked(lastVersion: number): void {
    const missed = this.#incomplete || this.#position === undefined || this.#position < this.#expected;
    this.#expected = lastVersion;
    if (missed && this.#held === undefined) void this.#catchUp();
  }

  #announced(transition: Transition): void {
    if (this.#held !== undefined) {
      if (this.#held.length < heldMax) this.#held.push(transition);
      else this.#again = true;
    } else if (!this.#incomplete) {
      this.#tell(transition);
    }
  }

  #tell(transition: Transition): void {
    if (this.#position === undefined || transition.version <= this.#position) return;
    this.#position = transition.version;
    this.#reader.entry(transition);
  }

  async #catchUp(): Promise<void> {
    if (this.#held !== undefined) {
      this.#again = true;
      return;
    }
    this.#held = [];
    this.#incomplete = true;
    try {
      do {
        this.#again = false;
        await this.#readToTheEnd();
      } while (this.#again);
      this.#incomplete = false;
    } catch {
      // The store cannot answer: the reconnect or the next tick brings us back here.
    }
    const held = this.#held;
    this.#held = undefined;
    // Told before the end of the log was read, these would leave a hole; the next catch-up finds them there.
    if (!this.#incomplete) for (const transition of held) this.#tell(transition);
  }

  async #readToTheEnd(): Promise<void> {
    this.#position ??= await this.#log.lastVersion(this.shard);
    for (;;) {
      const page = await this.#log.readLog(this.shard, this.#position, pageSize);
      if (this.#unfollow === undefined) return;
      if (page.gap) this.#reader.gap(this.shard);
      for (const transition of page.entries) this.#tell(transition);
      if (page.entries.length < pageSize) return;
    }
  }
}
