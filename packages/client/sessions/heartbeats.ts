import type { RefreshSessionsResponse, SessionRef } from "@realchat/presence-proto/presence";
import type { Cancel, Clock } from "@realchat/presence-runtime/clock";
import type { PresenceApi } from "../grpc/presence-channels.ts";
import { presenceClientErrorOf } from "../presence-client-error.ts";
import { HeartbeatRing } from "./heartbeat-ring.ts";
import type { HeldSession } from "./held-session.ts";
import type { KeeperLimits } from "./keeper-options.ts";
import type { Reachability } from "./reachability.ts";
import type { ServerPace } from "./server-pace.ts";
import { deviceKey } from "./session-ids.ts";

/** How often it is looked whose heartbeat is due, ms. */
const turnMs = 50;

export interface HeartbeatCounters {
  /** Heartbeats that were answered, each session counted. */
  heartbeats: number;
  /** Calls, and those among them that failed. */
  batches: number;
  batchFailures: number;
  /** Sessions that presence told were gone. */
  missing: number;
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
  readonly counters: HeartbeatCounters = { heartbeats: 0, batches: 0, batchFailures: 0, missing: 0 };
  readonly #options: HeartbeatsOptions;
  readonly #ring: HeartbeatRing<HeldSession>;
  readonly #stop: Cancel;
  #underWay = 0;

  constructor(options: HeartbeatsOptions) {
    this.#options = options;
    this.#ring = new HeartbeatRing(options.clock.monotonicMs());
    this.#stop = options.clock.every(turnMs, () => this.#turn());
  }

  get underWay(): number {
    return this.#underWay;
  }

  add(session: HeldSession): void {
    this.#ring.add(session);
  }

  delete(session: HeldSession): void {
    this.#ring.delete(session);
  }

  stop(): void {
    this.#stop();
  }

  #turn(): void {
    const { clock, limits, reachability, pace } = this.#options;
    const nowMs = clock.monotonicMs();
    const { batchMaxSessions, batchesMax } = limits;
    const room = reachability.isReachable ? (batchesMax - this.#underWay) * batchMaxSessions : 0;
    const due = this.#ring.take(nowMs, pace.intervalMs, room);
    if (!reachability.isReachable && reachability.mayTry) due.push(...this.#ring.takeFirst(nowMs));
    for (let start = 0; start < due.length; start += batchMaxSessions) {
      this.#send(due.slice(start, start + batchMaxSessions));
    }
  }

  async #send(batch: readonly HeldSession[]): Promise<void> {
    const { api, limits, reachability, pace } = this.#options;
    const registrations = batch.map((session) => session.registrations);
    const sessions = batch.map(({ userId, deviceId, token }) => ({ userId, deviceId, sessionId: token }));
    // An answer that comes when the next heartbeat is due anyway is of no use.
    const timeoutMs = Math.min(limits.callTimeoutMs, Math.max(500, pace.intervalMs / 2));
    this.#underWay++;
    this.counters.batches++;
    reachability.trying();
    try {
      const answer = await api.refreshSessions({ sessions }, { timeoutMs });
      this.counters.heartbeats += batch.length;
      pace.adopt(answer);
      this.#answered(answer, batch, registrations);
      reachability.succeeded();
    } catch (error) {
      this.counters.batchFailures++;
      for (const session of batch) this.#ring.putFirst(session);
      reachability.failed(presenceClientErrorOf(error).retryAfterMs);
    }
    this.#underWay--;
  }

  #answered(answer: RefreshSessionsResponse, batch: readonly HeldSession[], registrations: readonly number[]): void {
    if (answer.missing.length + answer.superseded.length === 0) return;
    const places = new Map(batch.map((session, place) => [deviceKey(session), place]));
    // Whoever was registered again, closed or replaced in the meantime is another session than the one that was asked for.
    const asked = (ref: SessionRef) => {
      const place = places.get(deviceKey(ref)) ?? -1;
      const session = batch[place];
      return session?.state === "online" && session.registrations === registrations[place] ? session : undefined;
    };
    this.counters.missing += answer.missing.length;
    for (const session of answer.missing.map(asked)) if (session !== undefined) this.#options.missing(session);
    for (const session of answer.superseded.map(asked)) if (session !== undefined) this.#options.superseded(session);
  }
}
