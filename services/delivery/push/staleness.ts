import type { Clock } from "@realchat/presence-runtime/clock";
import type { DotSource } from "./dot-sources.ts";

/** How long a source may be unavailable before dots count as stale, ms: a short outage must not make every page flicker. */
const toleranceMs = 5_000;
const checkEveryMs = 1_000;

type State = "current" | "stale" | "catching-up";

/**
 * Whether dots may not be current, because one of their sources is unavailable.
 *
 *     current ──a source fails──► stale ──all sources work──► catching-up ──all users were looked up──► current
 *                                   ▲────a source fails────────────┘
 */
export class Staleness {
  readonly #sources: readonly DotSource[];
  readonly #catchUp: () => Promise<void>;
  readonly #onChange: () => void;
  readonly #stop: () => void;
  #state: State = "current";
  #episodes = 0;

  /**
   * @param options.catchUp looks up all watched users; resolves when it is done
   * @param options.onChange dots became stale, or current again
   */
  constructor(options: {
    sources: readonly DotSource[];
    catchUp: () => Promise<void>;
    onChange: () => void;
    clock: Clock;
  }) {
    this.#sources = options.sources;
    this.#catchUp = options.catchUp;
    this.#onChange = options.onChange;
    this.#stop = options.clock.every(checkEveryMs, () => this.#check());
  }

  get isStale(): boolean {
    return this.#state !== "current";
  }

  /** How often dots became stale. */
  get episodes(): number {
    return this.#episodes;
  }

  close(): void {
    this.#stop();
  }

  #check(): void {
    if (this.#sources.some((source) => source.unavailableMs() > toleranceMs)) {
      this.#becomeStale();
    } else if (this.#state === "stale") {
      this.#state = "catching-up";
      void this.#catchUp().then(() => this.#caughtUp());
    }
  }

  #becomeStale(): void {
    const wasCurrent = this.#state === "current";
    this.#state = "stale";
    if (!wasCurrent) return;
    this.#episodes++;
    this.#onChange();
  }

  /** A catch-up during which a source failed again does not count: another one follows. */
  #caughtUp(): void {
    if (this.#state !== "catching-up") return;
    this.#state = "current";
    this.#onChange();
  }
}
