import type { Clock } from "@realchat/presence-runtime";
import type { Dot } from "./dot.ts";
import type { InterestIndex } from "./interest-index.ts";
import type { Lookups } from "./lookups.ts";
import { WaitingLine } from "./waiting-line.ts";
import type { WatchedUser } from "./watched-user.ts";

const stepMs = 1_000;
const pageMax = 1_000;

/**
 * Looks up those who are watched, so that what the feed did not bring is noticed: everyone after a gap, at once; and
 * everyone all the time, slowly, whatever the feed believes of itself.
 */
export class Reconciliation {
  readonly #index: InterestIndex;
  readonly #lookups: Lookups;
  readonly #everyMs: number;
  readonly #isQuiet: () => boolean;
  readonly #stop: () => void;
  readonly #suspects = new WaitingLine<string>();
  #passing: Promise<void> | undefined;
  #round: MapIterator<WatchedUser> | undefined;
  #isStepping = false;
  #passes = 0;

  /**
   * @param options.everyMs in which the slow pass comes by everyone; 0: there is none
   * @param options.isQuiet whether nobody has asked presence for a while
   */
  constructor(options: {
    index: InterestIndex;
    lookups: Lookups;
    clock: Clock;
    everyMs: number;
    isQuiet: () => boolean;
  }) {
    this.#index = options.index;
    this.#lookups = options.lookups;
    this.#everyMs = options.everyMs;
    this.#isQuiet = options.isQuiet;
    this.#stop = options.clock.every(stepMs, () => void this.#step());
  }

  get figures() {
    return { ...this.#lookups.figures, passes: this.#passes, suspects: this.#suspects.size };
  }

  close(): void {
    this.#stop();
    this.#lookups.close();
  }

  /** Resolves when all who are watched now have been looked up. */
  everyone(): Promise<void> {
    return this.those(() => true);
  }

  /** Looks up whoever is watched and meets the condition. */
  those(condition: (dot: Dot | undefined) => boolean): Promise<void> {
    for (const { userId, dot } of this.#index.values()) if (condition(dot)) this.#suspects.add(userId);
    if (this.#suspects.size === 0) return Promise.resolve();
    this.#passing ??= this.#pass();
    return this.#passing;
  }

  async #pass(): Promise<void> {
    this.#passes++;
    while (this.#suspects.size > 0) {
      const page = this.#suspects.take(pageMax);
      await this.#lookups.ask(page.filter((userId) => this.#index.get(userId) !== undefined)).done;
      // What was suspected meanwhile belongs to the same pass.
      if (this.#suspects.size === 0) this.#passing = undefined;
    }
  }

  async #step(): Promise<void> {
    if (this.#isStepping) return;
    this.#isStepping = true;
    // Without a slow pass, somebody is looked up now and then all the same: it shows whether presence answers.
    const share =
      this.#everyMs === 0 ? Number(this.#isQuiet()) : Math.ceil((this.#index.size * stepMs) / this.#everyMs);
    await this.#lookups.ask(this.#next(Math.min(share, pageMax))).done;
    this.#isStepping = false;
  }

  /** Goes on where it left off; a Map's iterator outlives changes of the Map. */
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
