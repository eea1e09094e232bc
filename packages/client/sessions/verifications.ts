import type { Cancel, Clock } from "@realchat/presence-runtime/clock";
import type { GatewayLease } from "../lease/gateway-lease.ts";
import { batchesOf } from "./batches.ts";
import { HeartbeatRing } from "./heartbeat-ring.ts";
import type { HeldSession } from "./held-session.ts";
import type { KeeperLimits } from "./keeper-options.ts";
import type { Reachability } from "./reachability.ts";
import type { RefreshCalls } from "./refresh-calls.ts";

/** How often it is looked who is to be verified, ms. */
const turnMs = 100;
/** After a pause of the process no more is made up for, ms. */
const turnMaxMs = 250;
/** Whose turn it is are gathered until they fill a call, for this share of the interval at most: the fuller, the cheaper for presence. */
const gatherShareMax = 1 / 15;
/** Over how long verifying all is spread at least, ms; and how many a second at most. */
const spreadMs = 5_000;
const perSecondMax = 5_000;
/** How long those rest at most of whom presence could not tell, ms, give or take a half. */
const restMs = 2_000;
/** Of them so many a turn at most: who fails holds up nobody else. */
const againMax = 100;

interface VerificationsOptions {
  readonly clock: Clock;
  readonly limits: KeeperLimits;
  readonly reachability: Reachability;
  readonly lease: GatewayLease;
  readonly calls: RefreshCalls;
  /** It was under no lease, and is now. */
  moved(session: HeldSession): void;
  /** Presence had perhaps lost it, and has it now. */
  restored(session: HeldSession): void;
}

/**
 * Verifies the sessions of a lease: each once in the interval that presence dictates, evenly; and all of them, soon, when the
 * lease or the store may have lost some. That also moves sessions under the lease that are not. Presence brings back what
 * it lacks.
 */
export class Verifications {
  readonly counters = { verified: 0, passes: 0 };
  readonly #options: VerificationsOptions;
  /** Those under a lease. */
  readonly #ring: HeartbeatRing<HeldSession>;
  /** Those of whom all that was asked before does not count any more. */
  readonly #doubted = new Set<HeldSession>();
  /** Those whom presence could not answer for, with the time until which they rest, monotonic ms. */
  readonly #again = new Map<HeldSession, number>();
  /** Those whose verification is not answered yet. */
  readonly #underWay = new Map<HeldSession, Promise<unknown>>();
  readonly #stop: Cancel;
  #doubtedMs = Number.NEGATIVE_INFINITY;
  #perMs = 0;
  #allowance = 0;
  #turnedMs: number;
  #gatheredMs: number;

  constructor(options: VerificationsOptions) {
    const { clock } = options;
    this.#options = options;
    this.#turnedMs = clock.monotonicMs();
    this.#gatheredMs = this.#turnedMs;
    this.#ring = new HeartbeatRing(this.#turnedMs);
    this.#stop = clock.every(turnMs, () => this.#turn());
  }

  /** Sessions under a lease. */
  get size(): number {
    return this.#ring.size;
  }

  /** Sessions that are to be verified soon. */
  get doubted(): number {
    return this.#doubted.size + this.#again.size;
  }

  /** It is registered under a lease, or was verified. */
  add(session: HeldSession): void {
    session.groupMax = Number.POSITIVE_INFINITY;
    this.#ring.add(session);
    if (session.beatMs < this.#doubtedMs) this.doubt(session);
  }

  /**
   * Presence may bring it back until this resolves: its end has to be told after that. Else the end of a session that was
   * missing could come first, and change nothing. Undefined: it is not being verified.
   */
  settled(session: HeldSession): Promise<unknown> | undefined {
    return this.#underWay.get(session);
  }

  /** It is to be verified soon. */
  doubt(session: HeldSession): void {
    this.#doubted.add(session);
  }

  delete(session: HeldSession): void {
    this.#ring.delete(session);
    this.#doubted.delete(session);
    this.#again.delete(session);
  }

  /** All of these, in calls from now on; one that was under way starts over. */
  doubtAll(sessions: Iterable<HeldSession>): void {
    const { clock } = this.#options;
    this.counters.passes++;
    this.#doubtedMs = clock.monotonicMs();
    this.#again.clear();
    for (const session of sessions) this.#doubted.add(session);
    this.#perMs = Math.min(perSecondMax / 1_000, this.#doubted.size / spreadMs);
    // One session alone is verified at any moment of that time.
    this.#allowance = clock.random();
  }

  /** @returns those that were under a lease */
  clear(): HeldSession[] {
    const sessions = this.#ring.clear();
    this.#doubted.clear();
    this.#again.clear();
    return sessions;
  }

  stop(): void {
    this.#stop();
  }

  #turn(): void {
    const { clock, limits, reachability, lease, calls } = this.#options;
    const nowMs = clock.monotonicMs();
    const passedMs = Math.min(nowMs - this.#turnedMs, turnMaxMs);
    this.#turnedMs = nowMs;
    const leaseId = lease.openId;
    if (leaseId === "" || !reachability.isReachable) return;
    const room = Math.max(0, limits.batchesMax - calls.underWay) * limits.batchMaxSessions;
    const due = this.#dueOf(nowMs, room);
    const perhapsLost = new Set(due.filter((session) => this.#doubted.has(session) || this.#again.has(session)));
    for (const session of due) this.#taken(session);
    const doubted = this.#takeDoubted(passedMs, room - due.length);
    const again = this.#takeAgain(nowMs);
    // Nearly always.
    if (due.length + doubted.length + again.length === 0) return;
    this.#ring.sent([...doubted, ...again], nowMs);
    for (const session of [...doubted, ...again]) perhapsLost.add(session);
    for (const sessions of [[...due, ...doubted], again]) {
      for (const batch of batchesOf(sessions, limits.batchMaxSessions)) void this.#verify(batch, leaseId, perhapsLost);
    }
  }

  #dueOf(nowMs: number, room: number): HeldSession[] {
    const { lease, limits } = this.#options;
    const { intervalMs } = lease.verifyPace;
    const gatherMaxMs = intervalMs * gatherShareMax;
    const gatheredMs = nowMs - this.#gatheredMs;
    const dueByNextTurn = (this.#ring.size * (gatheredMs + turnMs)) / intervalMs;
    if (gatheredMs < gatherMaxMs && dueByNextTurn <= limits.batchMaxSessions) return [];
    this.#gatheredMs = nowMs;
    this.#ring.turn(nowMs, intervalMs, gatherMaxMs + turnMaxMs);
    return this.#ring.take(nowMs, intervalMs, room);
  }

  #takeDoubted(passedMs: number, room: number): HeldSession[] {
    this.#allowance = Math.min(this.#allowance + passedMs * this.#perMs, this.#doubted.size + 1);
    const count = Math.min(Math.floor(this.#allowance), room);
    this.#allowance -= count;
    const taken: HeldSession[] = [];
    for (const session of this.#doubted) {
      if (taken.length >= count) break;
      taken.push(session);
    }
    for (const session of taken) this.#taken(session);
    return taken;
  }

  #takeAgain(nowMs: number): HeldSession[] {
    const taken: HeldSession[] = [];
    for (const [session, restUntilMs] of this.#again) {
      if (taken.length >= againMax || restUntilMs > nowMs) break;
      taken.push(session);
    }
    for (const session of taken) this.#taken(session);
    return taken;
  }

  #taken(session: HeldSession): void {
    this.#doubted.delete(session);
    this.#again.delete(session);
  }

  async #verify(batch: readonly HeldSession[], leaseId: string, perhapsLost: ReadonlySet<HeldSession>): Promise<void> {
    const { limits, lease, calls, moved, restored } = this.#options;
    const again = (sessions: readonly HeldSession[]) => this.#putAgain(sessions);
    const call = { leaseId, purpose: "due", timeoutMs: limits.callTimeoutMs, pace: lease.verifyPace, again } as const;
    const answer = calls.send(batch, call);
    for (const session of batch) this.#underWay.set(session, answer);
    const verified = await answer;
    for (const session of batch) if (this.#underWay.get(session) === answer) this.#underWay.delete(session);
    this.counters.verified += verified.length;
    for (const session of verified) {
      const wasUnderLease = session.leaseId !== "";
      session.leaseId = leaseId;
      if (perhapsLost.has(session)) restored(session);
      if (wasUnderLease) continue;
      this.#ring.add(session);
      moved(session);
    }
  }

  #putAgain(sessions: readonly HeldSession[]): void {
    const { clock } = this.#options;
    const restUntilMs = clock.monotonicMs() + restMs * (0.5 + clock.random());
    for (const session of sessions) if (session.state === "online") this.#again.set(session, restUntilMs);
  }
}
