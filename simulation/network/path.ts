import type { EventLoop } from "../time/event-loop.ts";
import type { Machine } from "../time/machine.ts";
import type { Random } from "../time/random.ts";

/**
 * A way between two machines, the same in both directions, as TCP makes it: nothing overtakes, and nothing is lost but
 * with the connection, which is its users' business. While it is cut all waits, and arrives afterwards.
 */
export class Path {
  /** Mean of what each message takes besides the least, ms. */
  readonly #spreadMs: number;
  #slowMs: number | undefined;
  readonly #leastMs: number;
  readonly #loop: EventLoop;
  readonly #random: Random;
  /** When the last message arrives, by receiver. */
  readonly #arrivalsMs = new Map<Machine, number>();
  #isCut = false;
  #held: { to: Machine; run: () => void }[] = [];

  constructor(options: { loop: EventLoop; random: Random; leastMs: number; spreadMs: number }) {
    this.#loop = options.loop;
    this.#random = options.random;
    this.#leastMs = options.leastMs;
    this.#spreadMs = options.spreadMs;
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  get isSlow(): boolean {
    return this.#slowMs !== undefined;
  }

  /** @param spreadMs mean of what each message takes from now on; undefined: as before */
  slow(spreadMs: number | undefined): void {
    this.#slowMs = spreadMs;
  }

  /** Runs at the receiver when the message arrives there. */
  send(to: Machine, run: () => void): void {
    const nowMs = this.#loop.nowMs;
    const takesMs = this.#leastMs + this.#random.around(this.#slowMs ?? this.#spreadMs);
    const arrivalMs = Math.max(nowMs + takesMs, this.#arrivalsMs.get(to) ?? 0);
    this.#arrivalsMs.set(to, arrivalMs);
    this.#loop.after(arrivalMs - nowMs, () => {
      if (this.#isCut) this.#held.push({ to, run });
      else to.receive(run);
    });
  }

  cut(): void {
    this.#isCut = true;
  }

  mend(): void {
    this.#isCut = false;
    const held = this.#held;
    this.#held = [];
    for (const { to, run } of held) this.send(to, run);
  }
}
