import type { Clock } from "@realchat/presence-runtime/clock";
import type { DotSource } from "./dot-sources.ts";

/** A source may be away as long before dots count as stale, ms: a blip must not make every page flicker. */
const patienceMs = 5_000;
const lookEveryMs = 1_000;

type State = "current" | "stale" | "catching-up";

/**
 * Whether dots may not be current, since what they come from is away.
 *
 *     current ──a source is away──► stale ──all are back──► catching-up ──everyone was looked up──► current
 *                                     ▲───a source is away──────┘
 */
export class Staleness {
  readonly #sources: readonly DotSource[];
  readonly #catchUp: () => Promise<void>;
  readonly #onChange: () => void;
  readonly #stop: () => void;
  #state: State = "current";
  #times = 0;

  /**
   * @param options.catchUp looks up everyone; resolves when all that was missed is known
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
    this.#stop = options.clock.every(lookEveryMs, () => this.#look());
  }

  get isStale(): boolean {
    return this.#state !== "current";
  }

  /** How often dots became stale. */
  get times(): number {
    return this.#times;
  }

  close(): void {
    this.#stop();
  }

  #look(): void {
    if (this.#sources.some((source) => source.awayMs() > patienceMs)) {
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
    this.#times++;
    this.#onChange();
  }

  /** What one went through while a source left again says nothing: another one follows. */
  #caughtUp(): void {
    if (this.#state !== "catching-up") return;
    this.#state = "current";
    this.#onChange();
  }
}
