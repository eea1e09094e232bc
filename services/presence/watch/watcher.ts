import type { Transition } from "../domain/transition.ts";

/** The next message of a watcher's stream. */
type WatchUpdate =
  | { readonly kind: "updates"; readonly updates: Transition[] }
  | { readonly kind: "reset" }
  /** Some of its shards began to recover, perhaps while they, or others, do already. */
  | { readonly kind: "recovering" };

/**
 * One open WatchPresence call: keeps the latest transition of each user until it is sent. A slow client gets the latest
 * state, not a growing queue. A client that has too many users pending, or missed entries, gets a reset; and one when
 * the last of its shards has recovered, since what it holds may be of before the loss.
 */
export class Watcher {
  readonly #pendingMax: number;
  readonly #shards: ReadonlySet<number> | undefined;
  readonly #onClose: () => void;
  #pending = new Map<string, Transition>();
  #reset = false;
  /** Its shards that recover. */
  readonly #recovering: Set<number>;
  #mustTellRecovering = false;
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(options: {
    pendingMax: number;
    /** Undefined: all. */
    shards: ReadonlySet<number> | undefined;
    /** Shards that recover now. */
    recovering: Iterable<number>;
    close: () => void;
  }) {
    this.#pendingMax = options.pendingMax;
    this.#shards = options.shards;
    this.#recovering = new Set([...options.recovering].filter((shard) => this.#concerns(shard)));
    this.#onClose = options.close;
  }

  entry(transition: Transition): void {
    if (this.#reset) return;
    if (this.#pending.size >= this.#pendingMax && !this.#pending.has(transition.userId)) {
      this.#requestReset();
      return;
    }
    this.#pending.set(transition.userId, transition);
    this.#wake?.();
  }

  gap(shard: number): void {
    if (this.#concerns(shard)) this.#requestReset();
  }

  /** Whether users who are not online, as far as can be read now, may be. */
  get isRecovering(): boolean {
    return this.#recovering.size > 0;
  }

  recovering(shard: number): void {
    if (!this.#concerns(shard)) return;
    this.#mustTellRecovering ||= !this.#reset;
    this.#recovering.add(shard);
    this.#wake?.();
  }

  recovered(shard: number): void {
    if (this.#recovering.delete(shard) && !this.isRecovering) this.#requestReset();
  }

  /**
   * The next message, with at most `limit` updates. After a reset, take a fresh snapshot: later updates follow here.
   * @returns undefined when closed
   */
  async next(limit: number): Promise<WatchUpdate | undefined> {
    while (!this.#closed && !this.#reset && !this.#mustTellRecovering && this.#pending.size === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#closed) return undefined;
    if (this.#reset) {
      this.#reset = false;
      return { kind: "reset" };
    }
    if (this.#mustTellRecovering) {
      this.#mustTellRecovering = false;
      return { kind: "recovering" };
    }
    const updates: Transition[] = [];
    for (const [userId, transition] of this.#pending) {
      if (updates.length >= limit) break;
      updates.push(transition);
      this.#pending.delete(userId);
    }
    return { kind: "updates", updates };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose();
    this.#wake?.();
  }

  #concerns(shard: number): boolean {
    return this.#shards === undefined || this.#shards.has(shard);
  }

  /** What it says of recovering is in the reset itself. */
  #requestReset(): void {
    this.#reset = true;
    this.#mustTellRecovering = false;
    this.#pending.clear();
    this.#wake?.();
  }
}
