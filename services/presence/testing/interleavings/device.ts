/** A round of overlapping calls: readings of the user's shard clock, ms, before the first call and after the last. */
export interface Round {
  readonly beforeMs: number;
  readonly afterMs: number;
}

/** What the calls and answers of a round say about a device, whatever order they were carried out in. */
export interface Verdict {
  /** It had a live session all the time. */
  readonly livedThroughout: boolean;
  /** It has one now. */
  readonly lives: boolean;
  /** It may have one now. */
  readonly mayLive: boolean;
}

/** When a device last gave a sign of life; from outside, a call's moment is known only to lie in its round. */
export class SignsOfLife {
  readonly #ttlMs: number;
  #lives = false;
  /** Of the last answered one: no earlier than this. */
  #provenMs = 0;
  /** Of the last that may have counted: no later than this. */
  #possibleMs = Number.NEGATIVE_INFINITY;

  constructor(ttlMs: number) {
    this.#ttlMs = ttlMs;
  }

  /**
   * @param signs.proven a call that keeps a session alive, or begins one, was answered with success
   * @param signs.possible such a call was sent
   * @param signs.disturbed a call was sent that may end the session
   */
  judge(round: Round, signs: { proven: boolean; possible: boolean; disturbed: boolean }): Verdict {
    const livedThroughout = this.#lives && !signs.disturbed && this.#isAlive(round);
    if (signs.proven) this.#provenMs = round.beforeMs;
    if (signs.possible) this.#possibleMs = round.afterMs;
    this.#lives = !signs.disturbed && (this.#lives || signs.proven) && this.#isAlive(round);
    return { livedThroughout, lives: this.#lives, mayLive: round.afterMs - this.#possibleMs < this.#ttlMs };
  }

  /** Whether it has had a live session since the last round, as far as the time goes. */
  isAliveAfter(round: Round): boolean {
    return this.#lives && this.#isAlive(round);
  }

  #isAlive({ afterMs }: Round): boolean {
    return afterMs - this.#provenMs < this.#ttlMs;
  }
}
