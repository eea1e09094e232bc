import type { Clock } from "@realchat/presence-runtime/clock";
import { Pace } from "./pace.ts";
import type { Reachability } from "./reachability.ts";

/** Tells presence what is due; undefined when nothing is. Never rejects. */
type Perform<Session> = (session: Session) => Promise<void> | undefined;

/**
 * Those who have something to tell presence other than a heartbeat, first come, first served: at a bounded rate, a
 * bounded number at once, and one at a time while presence cannot be reached.
 */
export class Outbox<Session> {
  readonly #reachability: Reachability;
  readonly #pace: Pace;
  readonly #callsMax: number;
  readonly #perform: Perform<Session>;
  readonly #waiting = new Set<Session>();
  #underWay = 0;

  constructor(options: {
    clock: Clock;
    reachability: Reachability;
    callsPerSecond: number;
    callsMax: number;
    perform: Perform<Session>;
  }) {
    this.#reachability = options.reachability;
    this.#pace = new Pace(options.clock, options.callsPerSecond, () => this.work());
    this.#callsMax = options.callsMax;
    this.#perform = options.perform;
  }

  get size(): number {
    return this.#waiting.size;
  }

  get underWay(): number {
    return this.#underWay;
  }

  add(session: Session): void {
    this.#waiting.add(session);
    this.work();
  }

  delete(session: Session): void {
    this.#waiting.delete(session);
  }

  /** Starts what may start now. */
  work(): void {
    for (const session of this.#waiting) {
      if (this.#underWay >= this.#callsMax || !this.#reachability.mayTry || !this.#pace.hasTurn()) return;
      this.#waiting.delete(session);
      const call = this.#perform(session);
      if (call !== undefined) this.#follow(call);
    }
  }

  stop(): void {
    this.#waiting.clear();
    this.#pace.stop();
  }

  async #follow(call: Promise<void>): Promise<void> {
    this.#pace.spend();
    this.#underWay++;
    await call;
    this.#underWay--;
    this.work();
  }
}
