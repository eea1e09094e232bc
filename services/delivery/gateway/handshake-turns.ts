import type { Clock } from "@realchat/presence-runtime";
import { ArrivalSet } from "@realchat/presence-runtime/arrival-set";

/** Handshakes of one turn of the event loop take about so long together; the others continue in the next turn. */
const sliceMs = 8;
/**
 * libuv accepts one connection a turn of the event loop. While they come, so many turns accept before one answers: else the kernel's
 * queue overflows, and who finds it full tries again after 1, 3, 7 and 15 s.
 */
const acceptTurnsMax = 64;

interface HandshakeTurnsOptions {
  readonly clock: Pick<Clock, "monotonicMs">;
  /** Handshakes that may wait. */
  readonly waitingMax: number;
  /** Puts a run off to the next turn of the event loop; default: Node's own. */
  readonly nextTurn?: (run: () => void) => void;
}

/**
 * Handshakes that only have to be answered, first come, first served, a few in each turn of the event loop: between two
 * turns the sockets that are open get their pongs and dots, however many come at once.
 */
export class HandshakeTurns {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #waitingMax: number;
  readonly #nextTurn: (run: () => void) => void;
  readonly #waiting = new ArrivalSet<() => void>();
  /** Since whose coming nothing more was read: a client that gave up may have said so. */
  #fresh: (() => void)[] = [];
  #isScheduled = false;
  /** Whether a connection was accepted since the last look. */
  #hasAccepted = false;
  /** Turns in a row that only accepted. */
  #acceptTurns = 0;

  constructor({ clock, waitingMax, nextTurn = setImmediate }: HandshakeTurnsOptions) {
    this.#clock = clock;
    this.#waitingMax = waitingMax;
    this.#nextTurn = nextTurn;
  }

  get size(): number {
    return this.#waiting.size + this.#fresh.length;
  }

  get isFull(): boolean {
    return this.size >= this.#waitingMax;
  }

  /** @param answer called once, in a turn that has time for it, once what lies in the kernel now was read; must not throw */
  add(answer: () => void): void {
    this.#fresh.push(answer);
    this.#schedule();
  }

  /** A connection was accepted; others may wait behind it. */
  accepted(): void {
    this.#hasAccepted = true;
  }

  #schedule(): void {
    if (this.#isScheduled || this.size === 0) return;
    this.#isScheduled = true;
    this.#nextTurn(() => this.#run());
  }

  #run(): void {
    this.#isScheduled = false;
    if (!this.#leavesTurnToAccept()) this.#answer();
    // This turn has read, but perhaps before they came.
    for (const answer of this.#fresh) this.#waiting.add(answer);
    this.#fresh = [];
    this.#schedule();
  }

  #answer(): void {
    const endMs = this.#clock.monotonicMs() + sliceMs;
    for (let answer = this.#waiting.first; answer !== undefined; answer = this.#waiting.first) {
      this.#waiting.delete(answer);
      answer();
      if (this.#clock.monotonicMs() >= endMs) break;
    }
  }

  #leavesTurnToAccept(): boolean {
    const isLeft = this.#hasAccepted && this.#acceptTurns < acceptTurnsMax;
    this.#hasAccepted = false;
    this.#acceptTurns = isLeft ? this.#acceptTurns + 1 : 0;
    return isLeft;
  }
}
