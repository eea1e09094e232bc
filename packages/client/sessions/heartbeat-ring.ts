/** What the ring, and those who send its batches, know of a session. */
interface Beating {
  /** When its last heartbeat was sent, or its registration, monotonic ms. */
  beatMs: number;
  /** In how large a batch it goes at most; infinite unless a batch with it failed. */
  groupMax: number;
}

/** Shares of the interval that a session may be late before it is hurried along. */
const lateness = 1.1;
/** How much faster than evenly those who are late are caught up with. */
const catchUpFactor = 4;

/**
 * Decides who sends a heartbeat when. Sessions stand in a row, the one whose last heartbeat is longest ago in front. At
 * each turn as many go as evenly belong to the time since the last turn: n sessions give n heartbeats an interval, at a
 * rate that stays the same whenever and however they arrived. No session waits longer than an interval for that, unless
 * sessions behind it leave, or presence was away: then late ones go in addition, at a bounded rate. So do those
 * whose last heartbeat failed, after a rest.
 */
export class HeartbeatRing<Session extends Beating> {
  /** In order of their last heartbeats. */
  readonly #row = new Set<Session>();
  /** Those whose last heartbeat failed, with the time until which they rest; in the order in which they failed. */
  readonly #failed = new Map<Session, number>();
  #allowance = 0;
  #catchUpAllowance = 0;
  #turnMs: number;

  /** @param nowMs monotonic */
  constructor(nowMs: number) {
    this.#turnMs = nowMs;
  }

  get size(): number {
    return this.#row.size + this.#failed.size;
  }

  /** A session that was just registered. */
  add(session: Session): void {
    this.#row.add(session);
  }

  delete(session: Session): void {
    this.#row.delete(session);
    this.#failed.delete(session);
  }

  /** Its last heartbeat did not get through: the next one cannot wait an interval. */
  putAgain(session: Session, restUntilMs: number): void {
    if (this.#row.delete(session)) this.#failed.set(session, restUntilMs);
  }

  /**
   * Time passes: more may be sent.
   * @param turnMaxMs of a turn that comes later than this no more is made up for
   */
  turn(nowMs: number, intervalMs: number, turnMaxMs: number): void {
    const share = (this.size * Math.min(nowMs - this.#turnMs, turnMaxMs)) / intervalMs;
    this.#turnMs = nowMs;
    // What a turn could not spend is not saved up, but for the fraction: savings would be a burst.
    this.#allowance = (this.#allowance % 1) + share;
    this.#catchUpAllowance = (this.#catchUpAllowance % 1) + share * (catchUpFactor - 1);
  }

  /**
   * Those whose turn it is; from now on they count as having sent it, and stand at the end of the row.
   * @param nowMs monotonic
   * @param intervalMs how often each session has to send one
   * @param limit most that can be sent at once
   */
  take(nowMs: number, intervalMs: number, limit: number): Session[] {
    const isLate = ({ beatMs }: Session) => nowMs - beatMs >= lateness * intervalMs;
    const taken: Session[] = [];
    for (const session of this.#row) {
      if (taken.length >= limit || !this.#admits(isLate(session))) break;
      taken.push(session);
    }
    return this.sent(taken, nowMs);
  }

  /** As `take`, those who failed and have rested. They never use up what evenly belongs to the others. */
  takeAgain(nowMs: number, limit: number): Session[] {
    const taken: Session[] = [];
    for (const [session, restUntilMs] of this.#failed) {
      if (taken.length >= limit || restUntilMs > nowMs || this.#catchUpAllowance < 1) break;
      this.#catchUpAllowance--;
      taken.push(session);
    }
    return this.sent(taken, nowMs);
  }

  /**
   * Those whose last heartbeat was sent before then, failed or not, whoever waited longest first.
   * @param beforeMs monotonic
   */
  takeSentBefore(beforeMs: number, nowMs: number, limit: number): Session[] {
    const due = [...this.#failed.keys(), ...this.#row].filter(({ beatMs }) => beatMs < beforeMs);
    due.sort((one, other) => one.beatMs - other.beatMs);
    return this.sent(due.slice(0, limit), nowMs);
  }

  /** The one who has waited longest, due or not: its heartbeat tells whether presence is there. Best one that did not fail. */
  takeFirst(nowMs: number): Session[] {
    for (const sessions of [this.#row, this.#failed.keys()]) {
      for (const session of sessions) return this.sent([session], nowMs);
    }
    return [];
  }

  /** These count as having sent one now, and stand at the end of the row; those who are not here are left alone. */
  sent(sessions: Session[], nowMs: number): Session[] {
    for (const session of sessions) {
      const isHere = this.#row.delete(session) || this.#failed.delete(session);
      if (!isHere) continue;
      session.beatMs = nowMs;
      this.#row.add(session);
    }
    return sessions;
  }

  /** @returns those who were here */
  clear(): Session[] {
    const sessions = [...this.#row, ...this.#failed.keys()];
    this.#row.clear();
    this.#failed.clear();
    return sessions;
  }

  #admits(isLate: boolean): boolean {
    if (this.#allowance >= 1) {
      this.#allowance--;
      return true;
    }
    if (!isLate || this.#catchUpAllowance < 1) return false;
    this.#catchUpAllowance--;
    return true;
  }
}
