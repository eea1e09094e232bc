import type { Clock } from "@realchat/presence-runtime";
import type { InterestIndex } from "./interest-index.ts";
import type { Lookups } from "./lookups.ts";
import { UniqueQueue } from "./unique-queue.ts";
import type { WatchedUser } from "./watched-user.ts";

const stepMs = 1_000;
const pageMax = 1_000;

/**
 * Looks up watched users again, to repair what the feed did not deliver: all of them at once after a gap, all of them
 * slowly all the time, whether the feed reports a gap or not, and those in doubt until presence has recovered.
 */
export class Reconciliation {
  readonly #index: InterestIndex;
  readonly #lookups: Lookups;
  readonly #everyMs: number;
  readonly #isIdle: () => boolean;
  readonly #stop: () => void;
  readonly #queue = new UniqueQueue<string>();
  /** Users of whom presence could say nothing: it recovers, or cannot read them now. */
  #doubted = new UniqueQueue<string>();
  #isClearing = false;
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
    this.#stop = options.clock.every(stepMs, () => {
      void this.#step();
      void this.#clearDoubts();
    });
  }

  get metrics() {
    return { ...this.#lookups.metrics, passes: this.#passes, queued: this.#queue.size, doubted: this.#doubted.size };
  }

  close(): void {
    this.#stop();
    this.#lookups.close();
  }

  /** Looks up all watched users. Resolves when it is done. */
  all(): Promise<void> {
    return this.matching(() => true);
  }

  /** Presence could say nothing of the user: it is looked up again, until presence can. */
  doubt(userId: string): void {
    this.#doubted.add(userId);
    if (this.#doubted.size > 2 * this.#index.size + pageMax) this.#forgetUnwatched();
  }

  /** Looks up the watched users that meet the condition. Resolves when it is done. */
  matching(condition: (user: WatchedUser) => boolean): Promise<void> {
    for (const user of this.#index.values()) if (condition(user)) this.#queue.add(user.userId);
    if (this.#queue.size === 0) return Promise.resolve();
    this.#passing ??= this.#pass();
    return this.#passing;
  }

  async #pass(): Promise<void> {
    this.#passes++;
    while (this.#queue.size > 0) {
      const page = this.#queue.take(pageMax);
      await this.#lookups.request(this.#watchedOf(page)).done;
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

  /** One page a step while presence recovers; once it has, all of them. */
  async #clearDoubts(): Promise<void> {
    if (this.#isClearing) return;
    this.#isClearing = true;
    let page: string[] = [];
    while (this.#doubted.size > 0 && !page.some((userId) => this.#doubted.has(userId))) {
      page = this.#watchedOf(this.#doubted.take(pageMax));
      await this.#lookups.request(page).done;
    }
    this.#isClearing = false;
  }

  #forgetUnwatched(): void {
    const all = this.#doubted;
    this.#doubted = new UniqueQueue();
    for (const userId of this.#watchedOf(all.take(all.size))) this.#doubted.add(userId);
  }

  #watchedOf(userIds: readonly string[]): string[] {
    return userIds.filter((userId) => this.#index.get(userId) !== undefined);
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
