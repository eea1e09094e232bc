import type { Transition } from "../domain/transition.ts";

/** The next message of a watcher's stream. */
type WatchUpdate = { readonly kind: "updates"; readonly updates: Transition[] } | { readonly kind: "reset" };

/**
 * One open WatchPresence call: keeps the latest transition of each user until it is sent. A slow client gets the latest
 * state, not a growing queue. A client that has too many users pending, or missed entries, gets a reset.
 */
export class Watcher {
  readonly #pendingMax: number;
  readonly #shards: ReadonlySet<number> | undefined;
  readonly #onClose: () => void;
  #pending = new Map<string, Transition>();
  #reset = false;
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(options: { pendingMax: number; shards: ReadonlySet<number> | undefined; close: () => void }) {
    this.#pendingMax = options.pendingMax;
    this.#shards = options.shards;
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
    if (this.#shards === undefined || this.#shards.has(shard)) this.#requestReset();
  }

  /**
   * The next message, with at most `limit` updates. After a reset, take a fresh snapshot: later updates follow here.
   * @returns undefined when closed
   */
  async next(limit: number): Promise<WatchUpdate | undefined> {
    while (!this.#closed && !this.#reset && this.#pending.size === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#closed) return undefined;
    if (this.#reset) {
      this.#reset = false;
      return { kind: "reset" };
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

  #requestReset(): void {
    this.#reset = true;
    this.#pending.clear();
    this.#wake?.();
  }
}
