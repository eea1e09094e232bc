import type { Cancel, Clock } from "@realchat/presence-runtime";
import type { Mended, RecordKeeping } from "../store/store.ts";

/** Between two steps, ms; a step takes Redis about 3 ms where all 500 users are ours: less than a hundredth of its time. */
const stepMs = 400;
/** Between two walks, and after a step that failed, ms: a walk over few users takes seconds, and hardly ever finds anything. */
const restMs = 20_000;

/**
 * Walks over all records and deadlines again and again, slowly, and has mended what does not fit: whoever is online
 * without a deadline would stay so for ever, and a deadline without session would be kept by heartbeats for ever. Each
 * node does so for the shards that it publishes.
 */
export class RecordWalk {
  readonly #store: Pick<RecordKeeping, "mend">;
  readonly #held: () => ReadonlySet<number>;
  readonly #clock: Clock;
  readonly #onMended: (mended: Mended) => void;
  #cancel: Cancel = () => {};
  #stopped = false;
  #cursor = "";
  #mended: Mended = { given: 0, dropped: 0, recounted: 0 };
  /** Walks that came to their end. */
  walks = 0;

  constructor(options: {
    store: Pick<RecordKeeping, "mend">;
    /** Shards that this node publishes. */
    held: () => ReadonlySet<number>;
    clock: Clock;
    onMended: (mended: Mended) => void;
  }) {
    this.#store = options.store;
    this.#held = options.held;
    this.#clock = options.clock;
    this.#onMended = options.onMended;
  }

  /** All that was mended so far. */
  get mended(): Mended {
    return this.#mended;
  }

  start(): void {
    this.#schedule(stepMs);
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  #schedule(delayMs: number): void {
    if (!this.#stopped) this.#cancel = this.#clock.after(delayMs, () => void this.#step());
  }

  async #step(): Promise<void> {
    let restsMs = stepMs;
    try {
      const { cursor, ...mended } = await this.#store.mend(this.#cursor, this.#held());
      this.#cursor = cursor;
      this.#count(mended);
      if (cursor === "") {
        this.walks++;
        restsMs = restMs;
      }
    } catch {
      // The store's health says why. A cursor is of one server, and it may be another by then.
      this.#cursor = "";
      restsMs = restMs;
    }
    this.#schedule(restsMs);
  }

  #count(mended: Mended): void {
    if (mended.given + mended.dropped + mended.recounted === 0) return;
    const { given, dropped, recounted } = this.#mended;
    this.#mended = {
      given: given + mended.given,
      dropped: dropped + mended.dropped,
      recounted: recounted + mended.recounted,
    };
    this.#onMended(mended);
  }
}
