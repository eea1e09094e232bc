/** Looks without a tick that worked, after which a node is cut off: 5 s, see `lookPeriodMs`. */
const looksMax = 50;
/** How often to look, ms. */
export const lookPeriodMs = 100;

/**
 * Whether this node is cut off from the store: for five seconds not one tick of any shard has worked, though some had
 * before. Its callers do better at another node. Looks are counted, not time: a process that was frozen for longer was
 * not cut off.
 */
export class CutOff {
  readonly #ticksWorked: () => number;
  readonly #onCutOff: () => void;
  #known = 0;
  #looks = 0;

  /**
   * @param options.ticksWorked how many have, so far
   * @param options.onCutOff called once for each time that it is
   */
  constructor(options: { ticksWorked: () => number; onCutOff: () => void }) {
    this.#ticksWorked = options.ticksWorked;
    this.#onCutOff = options.onCutOff;
  }

  get isCutOff(): boolean {
    return this.#looks >= looksMax;
  }

  look(): void {
    const ticksWorked = this.#ticksWorked();
    this.#looks = ticksWorked === this.#known ? this.#looks + 1 : 0;
    this.#known = ticksWorked;
    if (this.#looks === looksMax && ticksWorked > 0) this.#onCutOff();
  }
}
