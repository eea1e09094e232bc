import { ArrivalSet } from "@realchat/presence-runtime/arrival-set";
import type { Cancel, Clock } from "@realchat/presence-runtime/clock";
import { Pace } from "./pace.ts";
import type { Method, Reachability } from "./reachability.ts";

/** Shares of the rate, and of the calls at once, that are for those who failed before: the rest is for all others. */
const againShare = 1 / 4;

interface OutboxOptions<Session> {
  readonly clock: Clock;
  readonly reachability: Reachability;
  readonly callsPerSecond: number;
  readonly callsMax: number;
  methodOf(session: Session): Method;
  /** Tells presence what is due; undefined when nothing is. Never rejects. */
  perform(session: Session): Promise<void> | undefined;
}

/**
 * Those who have something to tell presence other than a heartbeat, first come, first served: at a bounded rate, a
 * bounded number at once, and while presence cannot be reached one of each method at a time. Who failed rests for a
 * while and then has a queue of its own, so that sessions whose calls fail do not hold up others.
 */
export class Outbox<Session extends object> {
  readonly #options: OutboxOptions<Session>;
  readonly #pace: Pace;
  readonly #againPace: Pace;
  readonly #againMax: number;
  readonly #waiting = new ArrivalSet<Session>();
  readonly #resting = new Map<Session, Cancel>();
  /** Have rested. */
  readonly #again = new ArrivalSet<Session>();
  #underWay = 0;
  #againUnderWay = 0;
  #wasAgain = false;

  constructor(options: OutboxOptions<Session>) {
    const { clock, callsPerSecond, callsMax } = options;
    this.#options = options;
    this.#pace = new Pace(clock, callsPerSecond, () => this.work());
    this.#againPace = new Pace(clock, callsPerSecond * againShare, () => this.work());
    this.#againMax = Math.max(1, Math.floor(callsMax * againShare));
  }

  get size(): number {
    return this.#waiting.size + this.#resting.size + this.#again.size;
  }

  get underWay(): number {
    return this.#underWay;
  }

  add(session: Session): void {
    this.delete(session);
    this.#waiting.add(session);
    this.work();
  }

  /** Its call failed: once more, in a while. */
  addAgain(session: Session, restMs: number): void {
    this.delete(session);
    const rested = () => {
      this.#resting.delete(session);
      this.#again.add(session);
      this.work();
    };
    this.#resting.set(session, this.#options.clock.after(restMs, rested));
  }

  delete(session: Session): void {
    this.#waiting.delete(session);
    this.#again.delete(session);
    this.#resting.get(session)?.();
    this.#resting.delete(session);
  }

  /** Starts what may start now. */
  work(): void {
    while (this.#underWay < this.#options.callsMax) {
      const session = this.#next();
      if (session === undefined || !this.#pace.hasTurn()) return;
      const isAgain = this.#again.delete(session);
      this.#waiting.delete(session);
      const call = this.#options.perform(session);
      if (call !== undefined) this.#follow(call, isAgain);
    }
  }

  stop(): void {
    for (const cancel of this.#resting.values()) cancel();
    this.#resting.clear();
    this.#waiting.clear();
    this.#again.clear();
    this.#pace.stop();
    this.#againPace.stop();
  }

  #next(): Session | undefined {
    if (!this.#options.reachability.isReachable) return this.#nextProbe();
    const waiting = this.#waiting.first;
    const again = this.#nextAgain();
    return this.#wasAgain ? (waiting ?? again) : (again ?? waiting);
  }

  #nextAgain(): Session | undefined {
    const again = this.#again.first;
    if (again === undefined || this.#againUnderWay >= this.#againMax || !this.#againPace.hasTurn()) return undefined;
    return again;
  }

  /** Who is not known to fail tells more. */
  #nextProbe(): Session | undefined {
    const { reachability, methodOf } = this.#options;
    if (!reachability.mayTry("register") && !reachability.mayTry("unregister")) return undefined;
    for (const queue of [this.#waiting, this.#again]) {
      for (const session of queue) if (reachability.mayTry(methodOf(session))) return session;
    }
    return undefined;
  }

  async #follow(call: Promise<void>, isAgain: boolean): Promise<void> {
    this.#wasAgain = isAgain;
    this.#pace.spend();
    if (isAgain) this.#againPace.spend();
    this.#underWay++;
    if (isAgain) this.#againUnderWay++;
    await call;
    this.#underWay--;
    if (isAgain) this.#againUnderWay--;
    this.work();
  }
}
