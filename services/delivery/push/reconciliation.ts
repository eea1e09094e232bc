import type { Clock } from "@realchat/presence-runtime";
import type { Dot } from "./dot.ts";
import type { InterestIndex } from "./interest-index.ts";
import type { Lookups } from "./lookups.ts";
import { UniqueQueue } from "./unique-queue.ts";
import type { WatchedUser } from "./watched-user.ts";

const stepMs = 1_000;
const pageMax = 1_000;

/**
 * Looks up watched users again, to repair what the feed did not deliver: all of them at once after a gap, and all of them
 * slowly all the time, whether the feed reports a gap or not.
 */
export class Reconciliation {
  readonly #index: InterestIndex;
  readonly #lookups: Lookups;
  readonly #everyMs: number;
  readonly #isIdle: () => boolean;
  readonly #stop: () => void;
  readonly #queue = new UniqueQueue<string>();
  #passing: Promise<void> | undefined;
  #round: MapIterator<WatchedUser> | undefined;
  #isStepping = false;
  #passes = 0;

  /**
   * @param options.everyMs time in which the slow pass looks up every watched user; 0: no slow pass
   * @param options.isIdle whether there was no call to presence for a while
   */
  constructor(options: {
    index: InterestIndex;
    lookups: Lookups;
    clock: Clock;
    everyMs: number;
    isIdle: () => boolean;
  }) {
    this.#index = options.index;
    this.#lookups = options.lookups;
    this.#everyMs = options.everyMs;
    this.#isIdle = options.isIdle;
    this.#stop = options.clock.every(stepMs, () => void this.#step());
  }

  get metrics() {
    return { ...this.#lookups.metrics, passes: this.#passes, queued: this.#queue.size };
  }

  close(): void {
    this.#stop();
    this.#lookups.close();
  }

  /** Looks up all watched users. Resolves when it is done. */
  all(): Promise<void> {
    return this.matching(() => true);
  }

  /** Looks up the watched users that meet the condition. Resolves when it is done. */
  matching(condition: (dot: Dot | undefined) => boolean): Promise<void> {
    for (const { userId, dot } of this.#index.values()) if (condition(dot)) this.#queue.add(userId);
    if (this.#queue.size === 0) return Promise.resolve();
    this.#passing ??= this.#pass();
    return this.#passing;
  }

  async #pass(): Promise<void> {
    this.#passes++;
    while (this.#queue.size > 0) {
      const page = this.#queue.take(pageMax);
      await this.#lookups.request(page.filter((userId) => this.#index.get(userId) !== undefined)).done;
      // Users who were queued meanwhile belong to the same pass.
      if (this.#queue.size === 0) this.#passing = undefined;
    }
  }

  async #step(): Promise<void> {
    if (this.#isStepping) return;
    this.#isStepping = true;
    // Without a slow pass, one user is looked up now and then all the same: it shows whether presence answers.
    const share = this.#everyMs === 0 ? Number(this.#isIdle()) : Math.ceil((this.#index.size * stepMs) / this.#everyMs);
    await this.#lookups.request(this.#next(Math.min(share, pageMax))).done;
    this.#isStepping = false;
  }

  /** The users that follow those of the last step. A Map's iterator stays valid while the Map changes. */
  #next(count: number): string[] {
    const userIds: string[] = [];
    while (userIds.length < count) {
      this.#round ??= this.#index.values();
      const { done, value } = this.#round.next();
      if (done) {
        this.#round = undefined;
        break;
      }
      userIds.push(value.userId);
    }
    return userIds;
  }
}
