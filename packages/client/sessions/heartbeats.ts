import type { RefreshSessionsResponse, SessionRef } from "@realchat/presence-proto/presence";
import type { Cancel, Clock } from "@realchat/presence-runtime/clock";
import type { PresenceApi } from "../grpc/presence-channels.ts";
import { type PresenceClientError, presenceClientErrorOf } from "../presence-client-error.ts";
import { batchesOf } from "./batches.ts";
import { HeartbeatRing } from "./heartbeat-ring.ts";
import type { HeldSession } from "./held-session.ts";
import type { KeeperLimits } from "./keeper-options.ts";
import { probeMaxMs, type Reachability } from "./reachability.ts";
import type { ServerPace } from "./server-pace.ts";
import { deviceKey } from "./session-ids.ts";

/** How often it is looked whose heartbeat is due, ms. */
const turnMs = 50;
/** How long those whose heartbeat failed rest at most, ms, give or take a half; and the share of the interval. */
const restMaxMs = 2_000;
const restShare = 1 / 4;
/** Share of the calls under way at once that is for them. */
const againShare = 1 / 4;

/** Why a batch is sent: "along" with a probe it only tells something when it succeeds. */
type Purpose = "due" | "probe" | "along";

export interface HeartbeatCounters {
  /** Heartbeats that were answered, each session counted. */
  heartbeats: number;
  /** Calls, and those among them that failed. */
  batches: number;
  batchFailures: number;
  /** Sessions that presence told were gone. */
  missing: number;
  /** Heartbeats that presence could not answer, each session counted; they are sent again soon. */
  unconfirmed: number;
}

interface HeartbeatsOptions {
  readonly clock: Clock;
  readonly api: PresenceApi;
  readonly limits: KeeperLimits;
  readonly reachability: Reachability;
  readonly pace: ServerPace;
  /** Presence does not have the session any more. */
  missing(session: HeldSession): void;
  /** A newer session has its place. */
  superseded(session: HeldSession): void;
}

/** Sends the heartbeats of all sessions that are online, evenly spread over the interval that presence dictates. */
export class Heartbeats {
  readonly counters: HeartbeatCounters = { heartbeats: 0, batches: 0, batchFailures: 0, missing: 0, unconfirmed: 0 };
  readonly #options: HeartbeatsOptions;
  readonly #ring: HeartbeatRing<HeldSession>;
  readonly #stop: Cancel;
  #underWay = 0;
  #againUnderWay = 0;

  constructor(options: HeartbeatsOptions) {
    this.#options = options;
    this.#ring = new HeartbeatRing(options.clock.monotonicMs());
    this.#stop = options.clock.every(turnMs, () => this.#turn());
  }

  get underWay(): number {
    return this.#underWay;
  }

  /** Sessions that send heartbeats. */
  get size(): number {
    return this.#ring.size;
  }

  add(session: HeldSession): void {
    session.groupMax = Number.POSITIVE_INFINITY;
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
    this.#stop();
  }

  #turn(): void {
    const { clock, limits, reachability, pace } = this.#options;
    const nowMs = clock.monotonicMs();
    this.#ring.turn(nowMs, pace.intervalMs);
    if (!reachability.isReachable) {
      this.probe();
      return;
    }
    const { batchMaxSessions, batchesMax } = limits;
    const againMax = Math.max(1, Math.floor(batchesMax * againShare)) - this.#againUnderWay;
    const again = this.#ring.takeAgain(nowMs, Math.max(0, againMax) * batchMaxSessions);
    const due = this.#ring.take(nowMs, pace.intervalMs, Math.max(0, batchesMax - this.#underWay) * batchMaxSessions);
    for (const batch of batchesOf(due, batchMaxSessions)) this.#send(batch);
    for (const batch of batchesOf(again, batchMaxSessions)) this.#sendAgain(batch);
  }

  /** In whole batches: few calls, as long as all fail. */
  #sendAlong(): void {
    const { clock, limits, pace } = this.#options;
    const { batchMaxSessions, batchesMax } = limits;
    const nowMs = clock.monotonicMs();
    const sentBeforeMs = nowMs - pace.intervalMs + probeMaxMs(pace.intervalMs);
    const room = Math.max(0, batchesMax - this.#underWay) * batchMaxSessions;
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

  async #send(batch: readonly HeldSession[], purpose: Purpose = "due"): Promise<void> {
    const { api, limits, reachability, pace } = this.#options;
    const registrations = batch.map((session) => session.registrations);
    const sessions = batch.map(({ userId, deviceId, token }) => ({ userId, deviceId, sessionId: token }));
    // An answer that comes when the next heartbeat is due anyway is of no use.
    const timeoutMs = Math.min(limits.callTimeoutMs, Math.max(500, pace.intervalMs / 2));
    this.#underWay++;
    this.counters.batches++;
    if (purpose !== "along") reachability.trying("refresh");
    try {
      const answer = await api.refreshSessions({ sessions, partial: true }, { timeoutMs });
      for (const session of batch) session.groupMax = Number.POSITIVE_INFINITY;
      pace.adopt(answer);
      this.#answered(answer, batch, registrations);
      reachability.succeeded("refresh");
    } catch (thrown) {
      this.counters.batchFailures++;
      this.counters.unconfirmed += batch.length;
      this.#putAgain(batch);
      if (purpose !== "along") this.#failed(batch, presenceClientErrorOf(thrown), purpose === "probe");
    }
    this.#underWay--;
  }

  #failed(batch: readonly HeldSession[], error: PresenceClientError, isProbe: boolean): void {
    // The session at fault is found by halving the batch; the others get their answers meanwhile.
    for (const session of batch) session.groupMax = Math.max(1, Math.floor(batch.length / 2));
    this.#options.reachability.failed("refresh", batch[0], error, isProbe);
  }

  #putAgain(sessions: readonly HeldSession[]): void {
    const { clock, pace } = this.#options;
    const restMs = Math.min(restMaxMs, pace.intervalMs * restShare) * (0.5 + clock.random());
    for (const session of sessions) this.#ring.putAgain(session, clock.monotonicMs() + restMs);
  }

  #answered(answer: RefreshSessionsResponse, batch: readonly HeldSession[], registrations: readonly number[]): void {
    const { missing, superseded, unconfirmed = [] } = answer;
    this.counters.heartbeats += batch.length - unconfirmed.length;
    if (missing.length + superseded.length + unconfirmed.length === 0) return;
    const places = new Map(batch.map((session, place) => [deviceKey(session), place]));
    // A session registered again, closed or replaced in the meantime is not the one that the call was about.
    const asked = (refs: readonly SessionRef[]) =>
      refs.flatMap((ref) => {
        const place = places.get(deviceKey(ref)) ?? -1;
        const session = batch[place];
        return session?.state === "online" && session.registrations === registrations[place] ? [session] : [];
      });
    this.counters.missing += missing.length;
    this.counters.unconfirmed += unconfirmed.length;
    for (const session of asked(missing)) this.#options.missing(session);
    for (const session of asked(superseded)) this.#options.superseded(session);
    this.#putAgain(asked(unconfirmed));
  }
}
