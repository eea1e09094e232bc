import { backoffMs, type Clock, pause } from "@realchat/presence-runtime";
import { LookupRefused } from "./presence-lookup.ts";
import type { LookupFigures } from "./push.ts";
import { type Batch, Question } from "./question.ts";

const backoff = { firstMs: 100, capMs: 2_000 };

/**
 * Asks presence about users, in batches: one is under way at a time, and whoever is asked for meanwhile is in a later
 * one. Goes on until it is answered. A batch that presence refuses is halved until those are found of whom it cannot
 * tell: they are given up, all others are answered. What waits is bounded by the users for whom somebody waits.
 */
export class Lookups {
  readonly #look: (userIds: readonly string[]) => Promise<void>;
  readonly #clock: Clock;
  readonly #batchMax: number;
  /** In the order in which they are asked. */
  readonly #batches = new Set<Batch>();
  /** Where each user waits. */
  readonly #waiting = new Map<string, Batch>();
  readonly #stop = new AbortController();
  /** The last of those that wait, as long as it has room. */
  #open: Batch | undefined;
  #isRunning = false;
  #asked = 0;
  #failures = 0;
  #refused = 0;
  #refusedInRow = 0;

  /**
   * @param options.look asks about them and applies the answer; rejects when there was none, with LookupRefused when it
   * may be for one of them only
   * @param options.batchMax users of one call
   */
  constructor(options: { look: (userIds: readonly string[]) => Promise<void>; clock: Clock; batchMax: number }) {
    this.#look = options.look;
    this.#clock = options.clock;
    this.#batchMax = options.batchMax;
  }

  get figures(): LookupFigures {
    return { asked: this.#asked, failures: this.#failures, refused: this.#refused, waiting: this.#waiting.size };
  }

  ask(userIds: Iterable<string>): Question {
    const batches = new Set<Batch>();
    for (const userId of userIds) batches.add(this.#waiting.get(userId) ?? this.#enter(userId));
    const question = new Question(batches, (batch) => this.#leave(batch));
    void this.#run();
    return question;
  }

  close(): void {
    this.#stop.abort();
  }

  #enter(userId: string): Batch {
    let batch = this.#open;
    if (batch === undefined) {
      batch = { userIds: [], questions: new Set() };
      this.#batches.add(batch);
    }
    batch.userIds.push(userId);
    this.#waiting.set(userId, batch);
    this.#open = batch.userIds.length < this.#batchMax ? batch : undefined;
    return batch;
  }

  /** It waits no more: its turn has come, or nobody waits for its answer. */
  #leave(batch: Batch): void {
    if (!this.#batches.delete(batch)) return;
    for (const userId of batch.userIds) this.#waiting.delete(userId);
    if (this.#open === batch) this.#open = undefined;
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (let [batch] = this.#batches; batch !== undefined; [batch] = this.#batches) {
      this.#leave(batch);
      await this.#askInParts(batch.userIds);
      for (const question of batch.questions) question.answered(batch);
    }
    this.#isRunning = false;
  }

  async #askInParts(userIds: readonly string[]): Promise<void> {
    const parts = [userIds];
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
      if ((await this.#askUntilAnswered(part)) === "answered") continue;
      const middle = Math.ceil(part.length / 2);
      if (part.length > 1) parts.push(part.slice(middle), part.slice(0, middle));
      else await this.#giveUp();
    }
  }

  async #askUntilAnswered(userIds: readonly string[]): Promise<"answered" | "refused"> {
    for (let attempt = 0; !this.#stop.signal.aborted; attempt++) {
      try {
        this.#asked += userIds.length;
        await this.#look(userIds);
        this.#refusedInRow = 0;
        break;
      } catch (error) {
        if (error instanceof LookupRefused) return "refused";
        this.#failures++;
        await this.#pause(attempt);
      }
    }
    return "answered";
  }

  /** Presence that refuses everybody is not asked about one after the other as fast as it refuses. */
  async #giveUp(): Promise<void> {
    this.#refused++;
    if (this.#refusedInRow++ > 0) await this.#pause(this.#refusedInRow);
  }

  #pause(attempt: number): Promise<void> {
    return pause(this.#clock, backoffMs(attempt, backoff, this.#clock), this.#stop.signal);
  }
}
