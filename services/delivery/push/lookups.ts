import { backoffMs, type Clock, pause } from "@realchat/presence-runtime";
import type { LookupFigures } from "./push.ts";

interface Batch {
  readonly userIds: Set<string>;
  readonly done: PromiseWithResolvers<void>;
}

const backoff = { firstMs: 100, capMs: 2_000 };

/**
 * Asks presence about users, in batches: one is under way at a time, and whoever is asked for meanwhile is in the next.
 * Goes on until it is answered; what waits is bounded by the users that are watched.
 */
export class Lookups {
  readonly #look: (userIds: readonly string[]) => Promise<void>;
  readonly #clock: Clock;
  readonly #batchMax: number;
  readonly #waiting: Batch[] = [];
  readonly #stop = new AbortController();
  #isRunning = false;
  #asked = 0;
  #failures = 0;

  /**
   * @param options.look asks about them and applies the answer; rejects when there was none
   * @param options.batchMax users of one call
   */
  constructor(options: { look: (userIds: readonly string[]) => Promise<void>; clock: Clock; batchMax: number }) {
    this.#look = options.look;
    this.#clock = options.clock;
    this.#batchMax = options.batchMax;
  }

  get figures(): LookupFigures {
    const waiting = this.#waiting.reduce((total, { userIds }) => total + userIds.size, 0);
    return { asked: this.#asked, failures: this.#failures, waiting };
  }

  /** Resolves when the answers about all of them were applied; never rejects. */
  async ask(userIds: Iterable<string>): Promise<void> {
    const batches = new Set<Batch>();
    for (const userId of userIds) {
      const batch = this.#roomFor(userId);
      batch.userIds.add(userId);
      batches.add(batch);
    }
    if (batches.size === 0) return;
    void this.#run();
    await Promise.all([...batches].map(({ done }) => done.promise));
  }

  close(): void {
    this.#stop.abort();
  }

  #roomFor(userId: string): Batch {
    const known = this.#waiting.find(({ userIds }) => userIds.has(userId) || userIds.size < this.#batchMax);
    if (known !== undefined) return known;
    const batch: Batch = { userIds: new Set(), done: Promise.withResolvers() };
    this.#waiting.push(batch);
    return batch;
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (let batch = this.#waiting.shift(); batch !== undefined; batch = this.#waiting.shift()) {
      await this.#askUntilAnswered([...batch.userIds]);
      batch.done.resolve();
    }
    this.#isRunning = false;
  }

  async #askUntilAnswered(userIds: readonly string[]): Promise<void> {
    for (let attempt = 0; !this.#stop.signal.aborted; attempt++) {
      try {
        this.#asked += userIds.length;
        await this.#look(userIds);
        return;
      } catch {
        this.#failures++;
        await pause(this.#clock, backoffMs(attempt, backoff, this.#clock), this.#stop.signal);
      }
    }
  }
}
