import type { Clock } from "@realchat/presence-runtime/clock";
import { type LookedUp, LookupRefused, type PresenceLookup } from "./presence-lookup.ts";

/** What dots come from: the feed, or look-ups. */
export interface DotSource {
  /** For how long it has not been heard of though it should have been, ms; 0: it is there. */
  awayMs(): number;
}

/** The feed, by what it says of itself each time it is looked at. */
export class FeedSource implements DotSource {
  readonly #hears: () => boolean;
  readonly #clock: Clock;
  #deafSinceMs: number | undefined;

  constructor({ hears, clock }: { readonly hears: () => boolean; readonly clock: Clock }) {
    this.#hears = hears;
    this.#clock = clock;
  }

  awayMs(): number {
    const nowMs = this.#clock.monotonicMs();
    this.#deafSinceMs = this.#hears() ? undefined : (this.#deafSinceMs ?? nowMs);
    return nowMs - (this.#deafSinceMs ?? nowMs);
  }
}

/** Shorter than what makes dots stale: docs/websocket.md */
const quietMs = 2_000;

/**
 * Presence, by how long it has been asked without any answer, whoever asked. That it refuses one user, alone in a
 * question, is an answer; that it refuses one after the other is none.
 */
export class LookupSource implements DotSource {
  readonly #lookup: PresenceLookup;
  readonly #clock: Clock;
  #unansweredSinceMs: number | undefined;
  #answeredMs: number;
  /** Who was refused, each alone, since the last answer; two tell enough. */
  readonly #refused = new Set<string>();

  constructor({ lookup, clock }: { readonly lookup: PresenceLookup; readonly clock: Clock }) {
    this.#lookup = lookup;
    this.#clock = clock;
    this.#answeredMs = clock.monotonicMs();
  }

  awayMs(): number {
    const nowMs = this.#clock.monotonicMs();
    return nowMs - (this.#unansweredSinceMs ?? nowMs);
  }

  /** Whether it has not been asked for a while: whether it is away cannot be known. */
  get isQuiet(): boolean {
    return this.#unansweredSinceMs === undefined && this.#clock.monotonicMs() - this.#answeredMs >= quietMs;
  }

  async look(userIds: readonly string[]): Promise<LookedUp> {
    this.#unansweredSinceMs ??= this.#clock.monotonicMs();
    try {
      const lookedUp = await this.#lookup(userIds);
      this.#refused.clear();
      this.#answered();
      return lookedUp;
    } catch (error) {
      if (error instanceof LookupRefused && userIds.length === 1) this.#refuses(userIds[0] as string);
      throw error;
    }
  }

  #refuses(userId: string): void {
    if (this.#refused.size < 2) this.#refused.add(userId);
    if (this.#refused.size === 1) this.#answered();
  }

  #answered(): void {
    this.#unansweredSinceMs = undefined;
    this.#answeredMs = this.#clock.monotonicMs();
  }
}
