import type { ClosedSession, SessionRef } from "@realchat/presence-proto/presence";
import type { PresenceApi } from "../grpc/presence-channels.ts";
import { type ClosedByOperator, type PresenceClientError, presenceClientErrorOf } from "../presence-client-error.ts";
import { closedBy } from "./call-faults.ts";
import type { HeldSession } from "./held-session.ts";
import type { Reachability } from "./reachability.ts";
import type { ServerPace } from "./server-pace.ts";
import { deviceKey } from "./session-ids.ts";

export interface RefreshCounters {
  /** Calls, and those among them that failed. */
  batches: number;
  batchFailures: number;
  /** Sessions that presence told were gone. */
  missing: number;
  /** Sessions that presence could not answer for; they are sent again soon. */
  unconfirmed: number;
}

interface RefreshCallsOptions {
  readonly api: PresenceApi;
  readonly reachability: Reachability;
  /** Presence does not have the session any more. */
  missing(session: HeldSession): void;
  /** A newer session has its place. */
  superseded(session: HeldSession): void;
  /** An operator ended it. */
  closed(session: HeldSession, why: ClosedByOperator): void;
}

interface RefreshCall {
  /** The lease under which the sessions are verified; empty: none. */
  readonly leaseId: string;
  /** Why it is sent: `along` with a probe it only tells something when it succeeds. */
  readonly purpose: "due" | "probe" | "along";
  readonly timeoutMs: number;
  /** Told what the answer dictates. */
  readonly pace: ServerPace;
  /** Nothing is known of these: all, when the call failed. Called before it counts as a sign that presence is away. */
  again(sessions: readonly HeldSession[]): void;
}

/** RefreshSessions calls: tells what became of each session, and finds the one at fault when a call fails. */
export class RefreshCalls {
  readonly counters: RefreshCounters = { batches: 0, batchFailures: 0, missing: 0, unconfirmed: 0 };
  readonly #options: RefreshCallsOptions;
  #underWay = 0;

  constructor(options: RefreshCallsOptions) {
    this.#options = options;
  }

  get underWay(): number {
    return this.#underWay;
  }

  /**
   * Never rejects.
   * @returns those that were refreshed. One registered again, closed or replaced in the meantime is not: the call was not
   * about it
   */
  async send(batch: readonly HeldSession[], call: RefreshCall): Promise<readonly HeldSession[]> {
    const { api, reachability } = this.#options;
    const { leaseId, purpose, timeoutMs, pace } = call;
    const asked = new Asked(batch);
    const sessions = batch.map(({ userId, deviceId, token }) => ({ userId, deviceId, sessionId: token }));
    this.#underWay++;
    this.counters.batches++;
    if (purpose !== "along") reachability.trying("refresh");
    try {
      const answer = await api.refreshSessions({ sessions, partial: true, leaseId }, { timeoutMs });
      for (const session of batch) session.groupMax = Number.POSITIVE_INFINITY;
      pace.adopt(answer);
      const refreshed = this.#refreshed(asked, answer, call);
      reachability.succeeded("refresh");
      return refreshed;
    } catch (thrown) {
      this.counters.batchFailures++;
      this.counters.unconfirmed += batch.length;
      call.again(batch);
      if (purpose !== "along") this.#failed(batch, presenceClientErrorOf(thrown), purpose === "probe");
      return [];
    } finally {
      this.#underWay--;
    }
  }

  #failed(batch: readonly HeldSession[], error: PresenceClientError, isProbe: boolean): void {
    // The session at fault is found by halving the batch; the others get their answers meanwhile.
    for (const session of batch) session.groupMax = Math.max(1, Math.floor(batch.length / 2));
    this.#options.reachability.failed("refresh", batch[0], error, isProbe);
  }

  #refreshed(asked: Asked, answer: Answer, call: RefreshCall): readonly HeldSession[] {
    const { unconfirmed = [] } = answer;
    this.counters.missing += answer.missing.length;
    this.counters.unconfirmed += unconfirmed.length;
    const lists = [answer.missing, answer.superseded, unconfirmed];
    if (lists.every(({ length }) => length === 0)) return asked.unchanged();
    const [missing = [], superseded = [], again = []] = lists.map((refs) => asked.find(refs));
    const others = new Set([...missing, ...superseded, ...again]);
    const refreshed = asked.unchanged().filter((session) => !others.has(session));
    for (const session of missing) this.#options.missing(session);
    // They are among those superseded, too.
    for (const { session: ref, closed } of answer.closed ?? []) {
      if (ref === undefined || closed === undefined) continue;
      for (const session of asked.find([ref])) this.#options.closed(session, closedBy(closed));
    }
    for (const session of superseded) if (session.isLive) this.#options.superseded(session);
    call.again(again);
    return refreshed;
  }
}

interface Answer {
  readonly missing: readonly SessionRef[];
  readonly superseded: readonly SessionRef[];
  readonly unconfirmed?: readonly SessionRef[];
  readonly closed?: readonly ClosedSession[];
}

/** The sessions of a call, as they were when it was sent. */
class Asked {
  readonly #batch: readonly HeldSession[];
  readonly #registrations: readonly number[];
  /** Made when somebody is looked for: most answers name nobody. */
  #places: ReadonlyMap<string, number> | undefined;

  constructor(batch: readonly HeldSession[]) {
    this.#batch = batch;
    this.#registrations = batch.map(({ registrations }) => registrations);
  }

  unchanged(): HeldSession[] {
    return this.#batch.filter((session, place) => this.#isUnchanged(session, place));
  }

  find(refs: readonly SessionRef[]): HeldSession[] {
    this.#places ??= new Map(this.#batch.map((session, place) => [session.deviceKey, place]));
    const places = this.#places;
    return refs.flatMap((ref) => {
      const place = places.get(deviceKey(ref)) ?? -1;
      const session = this.#batch[place];
      return session !== undefined && this.#isUnchanged(session, place) ? [session] : [];
    });
  }

  #isUnchanged({ state, registrations }: HeldSession, place: number): boolean {
    return state === "online" && registrations === this.#registrations[place];
  }
}
