import type { Clock } from "@realchat/presence-runtime/clock";
import { LookupRefused, type LookupResult, type PresenceLookup } from "./presence-lookup.ts";

/** Where dots come from: the feed, or look-ups. */
export interface DotSource {
  /** For how long the source has not worked, ms; 0: it works. */
  unavailableMs(): number;
}

/** The feed, by its own report at each check. */
export class FeedSource implements DotSource {
  readonly #isListening: () => boolean;
  readonly #clock: Clock;
  #silentSinceMs: number | undefined;

  constructor({ isFeedListening, clock }: { readonly isFeedListening: () => boolean; readonly clock: Clock }) {
    this.#isListening = isFeedListening;
    this.#clock = clock;
  }

  unavailableMs(): number {
    const nowMs = this.#clock.monotonicMs();
    this.#silentSinceMs = this.#isListening() ? undefined : (this.#silentSinceMs ?? nowMs);
    return nowMs - (this.#silentSinceMs ?? nowMs);
  }
}

/** Shorter than the time after which dots are stale: docs/websocket.md */
const idleMs = 2_000;

/**
 * Presence, by how long calls have had no answer, over all callers. A refusal of one user, alone in a call, is an answer;
 * refusals of one user after the other are none.
 */
export class LookupSource implements DotSource {
  readonly #lookup: PresenceLookup;
  readonly #clock: Clock;
  #unansweredSinceMs: number | undefined;
  #answeredMs: number;
  /** Users that were refused, each alone in a call, since the last answer; two are enough to know. */
  readonly #refused = new Set<string>();

  constructor({ lookup, clock }: { readonly lookup: PresenceLookup; readonly clock: Clock }) {
    this.#lookup = lookup;
    this.#clock = clock;
    this.#answeredMs = clock.monotonicMs();
  }

  unavailableMs(): number {
    const nowMs = this.#clock.monotonicMs();
    return nowMs - (this.#unansweredSinceMs ?? nowMs);
  }

  /** Whether there was no call for a while: then nothing shows whether presence works. */
  get isIdle(): boolean {
    return this.#unansweredSinceMs === undefined && this.#clock.monotonicMs() - this.#answeredMs >= idleMs;
  }

  async lookUp(userIds: readonly string[]): Promise<LookupResult> {
    this.#unansweredSinceMs ??= this.#clock.monotonicMs();
    try {
      const lookedUp = await this.#lookup(userIds);
      this.#refused.clear();
      this.#answered();
      return lookedUp;
    } catch (error) {
      if (error instanceof LookupRefused && userIds.length === 1) this.#countRefusal(userIds[0] as string);
      throw error;
    }
  }

  #countRefusal(userId: string): void {
    if (this.#refused.size < 2) this.#refused.add(userId);
    if (this.#refused.size === 1) this.#answered();
  }

  #answered(): void {
    this.#unansweredSinceMs = undefined;
    this.#answeredMs = this.#clock.monotonicMs();
  }
}
