import type { Cancel, Clock } from "@realchat/presence-runtime/clock";
import { batchesOf } from "./batches.ts";
import { HeartbeatRing } from "./heartbeat-ring.ts";
import type { HeldSession } from "./held-session.ts";
import type { KeeperLimits } from "./keeper-options.ts";
import { probeMaxMs, type Reachability } from "./reachability.ts";
import type { RefreshCalls } from "./refresh-calls.ts";
import type { ServerPace } from "./server-pace.ts";

/** How often it is looked whose heartbeat is due, ms. */
const turnMs = 50;
/** Of a turn that comes later than this no more is made up for, ms: a burst would follow. */
const turnMaxMs = 250;
/** How long those whose heartbeat failed rest at most, ms, give or take a half; and the share of the interval. */
const restMaxMs = 2_000;
const restShare = 1 / 4;
/** Share of the calls under way at once that is for them. */
const againShare = 1 / 4;

interface HeartbeatsOptions {
  readonly clock: Clock;
  readonly limits: KeeperLimits;
  readonly reachability: Reachability;
  readonly pace: ServerPace;
  readonly calls: RefreshCalls;
}

/**
 * Sends the heartbeats of all sessions that are online and under no lease, evenly spread over the interval that presence
 * dictates.
 */
export class Heartbeats {
  readonly #options: HeartbeatsOptions;
  readonly #ring: HeartbeatRing<HeldSession>;
  #cancel: Cancel | undefined;
  #isStopped = false;
  #answered = 0;
  #againUnderWay = 0;

  constructor(options: HeartbeatsOptions) {
    this.#options = options;
    this.#ring = new HeartbeatRing(options.clock.monotonicMs());
  }

  /** Heartbeats that kept a session alive. */
  get answered(): number {
    return this.#answered;
  }

  /** Sessions that send heartbeats. */
  get size(): number {
    return this.#ring.size;
  }

  add(session: HeldSession): void {
    session.groupMax = Number.POSITIVE_INFINITY;
    if (this.#cancel === undefined && !this.#isStopped) this.#start();
    this.#ring.add(session);
  }

  delete(session: HeldSession): void {
    this.#ring.delete(session);
  }

  /**
   * Sends one heartbeat, due or not, to find out whether presence is there: alone, so that it is no other session that
   * fails it. While presence is away, those who are due before the next attempt go along. A node keeps what it cannot
   * tell its store, so over a link that flaps they count, though all that is heard of them is that they failed (P1).
   */
  probe(): void {
    const { clock, reachability } = this.#options;
    if (!reachability.mayTry("refresh")) return;
    const first = this.#ring.takeFirst(clock.monotonicMs());
    if (first.length > 0) this.#send(first, "probe");
    if (!reachability.isReachable) this.#sendAlong();
  }

  stop(): void {
    this.#isStopped = true;
    this.#rest();
  }

  #start(): void {
    const { clock, pace } = this.#options;
    this.#ring.turn(clock.monotonicMs(), pace.intervalMs, turnMaxMs);
    this.#cancel = clock.every(turnMs, () => this.#turn());
  }

  /** Until a session comes: under a lease hardly one has heartbeats of its own. */
  #rest(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #turn(): void {
    const { clock, limits, reachability, pace, calls } = this.#options;
    if (this.#ring.size === 0) {
      this.#rest();
      return;
    }
    const nowMs = clock.monotonicMs();
    this.#ring.turn(nowMs, pace.intervalMs, turnMaxMs);
    if (!reachability.isReachable) {
      this.probe();
      return;
    }
    const { batchMaxSessions, batchesMax } = limits;
    const againMax = Math.max(1, Math.floor(batchesMax * againShare)) - this.#againUnderWay;
    const again = this.#ring.takeAgain(nowMs, Math.max(0, againMax) * batchMaxSessions);
    const due = this.#ring.take(nowMs, pace.intervalMs, Math.max(0, batchesMax - calls.underWay) * batchMaxSessions);
    for (const batch of batchesOf(due, batchMaxSessions)) this.#send(batch);
    for (const batch of batchesOf(again, batchMaxSessions)) this.#sendAgain(batch);
  }

  /** In whole batches: few calls, as long as all fail. */
  #sendAlong(): void {
    const { clock, limits, pace, calls } = this.#options;
    const { batchMaxSessions, batchesMax } = limits;
    const nowMs = clock.monotonicMs();
    const sentBeforeMs = nowMs - pace.intervalMs + probeMaxMs(pace.intervalMs);
    const room = Math.max(0, batchesMax - calls.underWay) * batchMaxSessions;
    const due = this.#ring.takeSentBefore(sentBeforeMs, nowMs, room);
    for (let from = 0; from < due.length; from += batchMaxSessions) {
      this.#send(due.slice(from, from + batchMaxSessions), "along");
    }
  }

  async #sendAgain(batch: readonly HeldSession[]): Promise<void> {
    this.#againUnderWay++;
    await this.#send(batch);
    this.#againUnderWay--;
  }

  async #send(batch: readonly HeldSession[], purpose: "due" | "probe" | "along" = "due"): Promise<void> {
    const { limits, pace, calls } = this.#options;
    // An answer that comes when the next heartbeat is due anyway is of no use.
    const timeoutMs = Math.min(limits.callTimeoutMs, Math.max(500, pace.intervalMs / 2));
    const again = (sessions: readonly HeldSession[]) => this.#putAgain(sessions);
    this.#answered += (await calls.send(batch, { leaseId: "", purpose, timeoutMs, pace, again })).length;
  }

  #putAgain(sessions: readonly HeldSession[]): void {
    const { clock, pace } = this.#options;
    const restMs = Math.min(restMaxMs, pace.intervalMs * restShare) * (0.5 + clock.random());
    for (const session of sessions) this.#ring.putAgain(session, clock.monotonicMs() + restMs);
  }
}
