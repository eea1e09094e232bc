import { type Clock, pause } from "@realchat/presence-runtime";
import type { Policies } from "../privacy/policies.ts";
import { hiddenStateOf, isBackSince } from "./hiding.ts";
import { LookupRefused, type PresenceLookup } from "./presence-lookup.ts";
import { UniqueQueue } from "./unique-queue.ts";

const pageMax = 1_000;
/** Users that wait; of more the first ones are left out. */
const waitingMax = 100_000;
const againMs = 1_000;

/**
 * Stores the hidden states of users who hide while nobody here watches them: whoever watches them later, on whichever gateway,
 * is to find them as they were when they hid. Ends those of users who showed themselves, and follows them until then.
 */
export class UnwatchedHiding {
  readonly #policies: Pick<Policies, "policiesOf" | "hide" | "show" | "rules">;
  readonly #lookup: PresenceLookup;
  readonly #clock: Clock;
  readonly #onFailure: (error: unknown) => void;
  readonly #stop = new AbortController();
  readonly #waiting = new UniqueQueue<string>();
  /** Who is visible again, and yet to be seen to be back; of more than may wait the first ones are left out. */
  readonly #showing = new Set<string>();
  #isRunning = false;

  constructor(options: {
    policies: Pick<Policies, "policiesOf" | "hide" | "show" | "rules">;
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

  /** The user is visible again, and yet to be seen to be back. */
  follow(userId: string): void {
    this.#showing.add(userId);
    if (this.#showing.size <= waitingMax) return;
    const [first = userId] = this.#showing;
    this.#showing.delete(first);
  }

  /** Presence told of the user, who may be back. */
  changed(userId: string): void {
    if (this.#showing.delete(userId)) this.add(userId);
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
        await this.#settle(page);
      } catch (error) {
        this.#onFailure(error);
        if (error instanceof LookupRefused) continue;
        for (const userId of page) this.#wait(userId);
        await pause(this.#clock, againMs, this.#stop.signal);
      }
    }
    this.#isRunning = false;
  }

  /** Stores the states of those who hide, and ends those of who hid and is back. */
  async #settle(userIds: readonly string[]): Promise<void> {
    const policies = this.#policies;
    const known = await policies.policiesOf(userIds);
    const changed = userIds.filter((userId) => {
      const { policy, hidden } = known.get(userId) ?? {};
      return policy?.invisible === (hidden === undefined);
    });
    if (changed.length === 0) return;
    const { dots, recovering, lastSeenRetentionMs } = await this.#lookup(changed);
    if (recovering) throw new Error("presence recovers, and does not know who is away");
    for (const dot of dots) {
      const { sinceMs = 0, hidden } = known.get(dot.userId) ?? {};
      if (hidden === undefined) {
        await policies.hide(dot.userId, hiddenStateOf(undefined, dot, sinceMs, lastSeenRetentionMs));
      } else if (isBackSince(sinceMs, dot)) {
        await policies.show(dot.userId, hidden.sinceMs);
      } else {
        this.follow(dot.userId);
      }
    }
  }
}
