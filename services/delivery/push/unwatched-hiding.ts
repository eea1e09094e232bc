import { type Clock, pause } from "@realchat/presence-runtime";
import type { Policies } from "../privacy/policies.ts";
import { hiddenStateOf } from "./hiding.ts";
import { LookupRefused, type PresenceLookup } from "./presence-lookup.ts";
import { UniqueQueue } from "./unique-queue.ts";

const pageMax = 1_000;
/** Users that wait; of more the first ones are left out. */
const waitingMax = 100_000;
const againMs = 1_000;

/**
 * Stores the hidden states of users who hide while nobody here watches them: whoever watches them later, on whichever gateway,
 * is to find them as they were when they hid.
 */
export class UnwatchedHiding {
  readonly #policies: Pick<Policies, "policiesOf" | "hide" | "rules">;
  readonly #lookup: PresenceLookup;
  readonly #clock: Clock;
  readonly #onFailure: (error: unknown) => void;
  readonly #stop = new AbortController();
  readonly #waiting = new UniqueQueue<string>();
  #isRunning = false;

  constructor(options: {
    policies: Pick<Policies, "policiesOf" | "hide" | "rules">;
    lookup: PresenceLookup;
    clock: Clock;
    onFailure: (error: unknown) => void;
  }) {
    this.#policies = options.policies;
    this.#lookup = options.lookup;
    this.#clock = options.clock;
    this.#onFailure = options.onFailure;
  }

  /** Users that wait. */
  get size(): number {
    return this.#waiting.size;
  }

  close(): void {
    this.#stop.abort();
  }

  /** The user's policy may have changed. */
  add(userId: string): void {
    if (!this.#policies.rules.mayBeInvisible) return;
    this.#wait(userId);
    void this.#run();
  }

  #wait(userId: string): void {
    this.#waiting.add(userId);
    if (this.#waiting.size > waitingMax) this.#waiting.take(1);
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    while (this.#waiting.size > 0 && !this.#stop.signal.aborted) {
      const page = this.#waiting.take(pageMax);
      try {
        await this.#hide(page);
      } catch (error) {
        this.#onFailure(error);
        if (error instanceof LookupRefused) continue;
        for (const userId of page) this.#wait(userId);
        await pause(this.#clock, againMs, this.#stop.signal);
      }
    }
    this.#isRunning = false;
  }

  async #hide(userIds: readonly string[]): Promise<void> {
    const known = await this.#policies.policiesOf(userIds);
    const hiding = userIds.filter((userId) => {
      const { policy, hidden } = known.get(userId) ?? {};
      return policy?.invisible && hidden === undefined;
    });
    if (hiding.length === 0) return;
    const { dots, recovering, lastSeenRetentionMs } = await this.#lookup(hiding);
    if (recovering) throw new Error("presence recovers, and does not know who is away");
    for (const dot of dots) {
      const sinceMs = known.get(dot.userId)?.sinceMs ?? 0;
      await this.#policies.hide(dot.userId, hiddenStateOf(undefined, dot, sinceMs, lastSeenRetentionMs));
    }
  }
}
