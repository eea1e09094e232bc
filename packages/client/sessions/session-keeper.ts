import type { RegisterSessionResponse } from "@realchat/presence-proto/presence";
import { backoffMs } from "@realchat/presence-runtime/backoff";
import { type Cancel, type Clock, pause } from "@realchat/presence-runtime/clock";
import { type ClosedByOperator, PresenceClientError } from "../presence-client-error.ts";
import { Activities } from "./activities.ts";
import { HeldSession, type SessionOwner } from "./held-session.ts";
import { KeepAlive } from "./keep-alive.ts";
import type { KeeperMetrics } from "./keeper-metrics.ts";
import { type KeeperLimits, keeperSettings, type SessionKeeperOptions } from "./keeper-options.ts";
import { Outbox } from "./outbox.ts";
import { Reachability } from "./reachability.ts";
import { SessionBook } from "./session-book.ts";
import { SessionCalls } from "./session-calls.ts";
import type { CloseReason, SessionHandle } from "./session-handle.ts";
import { checkId, randomId } from "./session-ids.ts";
import { type Effect, next, type RegistrationFailure, type SessionEvent } from "./session-lifecycle.ts";
import { Successions } from "./successions.ts";

export interface OpenSession {
  readonly userId: string;
  readonly deviceId: string;
  /** Unique per socket, for ever; default: one made here. */
  readonly connectionId?: string;
  /**
   * When its client was last known to be there, monotonic ms of the keeper's clock; default: now. A gateway that may have
   * kept a handshake waiting says since when: the session yields to a connection of the device that came later.
   */
  readonly aliveAtMs?: number;
}

/**
 * Keeps presence informed of a gateway's sockets: registers them, sends their heartbeats, registers again those that
 * presence lost, and ends them. No session is given up because presence is away; what could not be said then is said
 * when it is back.
 */
export class SessionKeeper implements AsyncDisposable {
  readonly #limits: KeeperLimits;
  readonly #clock: Clock;
  readonly #reachability: Reachability;
  readonly #book = new SessionBook();
  /** Devices of which a registration is under way, by deviceKey: a newer session has to wait for its answer. */
  readonly #registering = new Map<string, HeldSession>();
  readonly #outbox: Outbox<HeldSession>;
  readonly #calls: SessionCalls;
  readonly #activities: Activities;
  readonly #keepAlive: KeepAlive;
  readonly #successions: Successions;
  readonly #stopListening: Cancel;
  readonly #connectionPrefix: string;
  readonly #counters = { returns: 0, closingsDropped: 0 };
  readonly #owner: SessionOwner;
  #connections = 0;
  /** When presence last told of a session closed here that its device has one elsewhere, monotonic ms. */
  #returnedMs = Number.NEGATIVE_INFINITY;
  /** `leaving`: it will be drained, and what is closed for that is left to it. */
  #state: "open" | "leaving" | "draining" | "stopped" = "open";
  #tellLeaseClosed = () => {};
  readonly #leaseClosed = new Promise<void>((resolve) => {
    this.#tellLeaseClosed = resolve;
  });

  /** @throws PresenceClientError INVALID_ARGUMENT naming the option */
  constructor(options: SessionKeeperOptions) {
    const { channels, instanceId, leases, limits, clock, onListenerError, tracer, statuses } = keeperSettings(options);
    this.#limits = limits;
    this.#clock = clock;
    this.#owner = {
      close: (session, reason) => this.#close(session, reason),
      setActivity: (session, activity) => {
        if (session.isLive) this.#activities.say(session, activity);
      },
      onListenerError,
    };
    this.#connectionPrefix = randomId(clock);
    const reachability = new Reachability({
      clock,
      intervalMs: () => this.#keepAlive.intervalMs,
      sessions: () => this.#book.live + this.#book.counts.closing,
      hasHeartbeats: () => this.#keepAlive.hasHeartbeats,
      inDoubt: () => this.#keepAlive.probe(),
      wake: () => {
        this.#keepAlive.probeHeartbeats();
        this.#outbox.work();
        this.#activities.work();
      },
    });
    this.#reachability = reachability;
    this.#outbox = new Outbox({
      ...{ clock, reachability, ...limits },
      methodOf: ({ isLive }) => (isLive ? "register" : "unregister"),
      perform: (session) => this.#call(session),
    });
    const presence = { clock, limits, reachability, api: channels.api, instanceId };
    this.#calls = new SessionCalls({
      ...{ ...presence, tracer },
      leaseId: () => this.#keepAlive.leaseId,
      idleSinceMsOf: (session) => this.#activities.registrationOf(session),
      registered: (session, answer, sentMs) => this.#registered(session, answer, sentMs),
      registrationFailed: (...failure) => this.#registrationFailed(...failure),
      unregistered: (session) => this.#apply(session, { kind: "unregistered" }),
      unregistrationFailed: (session, why, { retryAfterMs }) =>
        this.#apply(session, { kind: "unregistration-failed", why }, retryAfterMs),
    });
    this.#activities = new Activities({
      ...{ clock, reachability, api: channels.api, ...limits },
      missing: (session) => this.#apply(session, { kind: "missing" }),
      doubted: (session) => this.#keepAlive.doubt(session),
    });
    this.#keepAlive = new KeepAlive({
      ...{ ...presence, leases, book: this.#book },
      missing: (session) => this.#apply(session, { kind: "missing" }),
      superseded: (session) => this.#hasElsewhere(session),
      closed: (session, why) => this.#force(session, why),
      restored: (session) => this.#activities.sayAgain(session),
      perhapsLost: () => statuses?.sayAgain(),
    });
    this.#successions = new Successions({
      ...{ clock, instanceId, api: channels.api },
      ...{ callTimeoutMs: limits.callTimeoutMs, waitingMax: limits.sessionsMax },
      holds: (session) => this.#book.latest(session.deviceKey)?.isLive === true,
    });
    this.#stopListening = channels.onServing(() => reachability.hurry());
  }

  /**
   * A socket opened. Another one of the same user and device, if it is open here, is superseded at once.
   * @throws PresenceClientError INVALID_ARGUMENT naming the field, RESOURCE_EXHAUSTED when there are too many sessions,
   * FAILED_PRECONDITION when the keeper was drained
   */
  open({ userId, deviceId, connectionId, aliveAtMs }: OpenSession): SessionHandle {
    checkId("userId", userId);
    checkId("deviceId", deviceId);
    if (connectionId !== undefined) checkId("connectionId", connectionId);
    if (this.#state === "draining" || this.#state === "stopped") {
      throw new PresenceClientError("FAILED_PRECONDITION", "this keeper was drained");
    }
    const { sessionsMax } = this.#limits;
    if (this.#book.live >= sessionsMax) {
      const message = `this keeper has ${sessionsMax} sessions, its limit: raise limits.sessionsMax, or use another gateway`;
      throw new PresenceClientError("RESOURCE_EXHAUSTED", message);
    }
    const nowMs = this.#clock.monotonicMs();
    const identity = { userId, deviceId, connectionId: connectionId ?? this.#newConnectionId() };
    const alive = { aliveAtMs: Math.min(aliveAtMs ?? nowMs, nowMs) };
    const session = new HeldSession({ ...identity, ...alive }, this.#owner);
    const before = this.#book.latest(session.deviceKey);
    const busy = this.#registering.get(session.deviceKey);
    this.#book.add(session);
    if (busy !== undefined) {
      busy.successor = session;
      this.#apply(session, { kind: "must-wait" });
    }
    if (before !== undefined) this.#replace(before, session);
    if (busy === undefined) this.#outbox.add(session);
    return session;
  }

  /**
   * Says that `drain` follows soon: sessions that are closed until then with `server-drain` are told together by that, in one
   * call, where presence has leases.
   */
  announceDrain(): void {
    if (this.#state === "open") this.#state = "leaving";
  }

  /**
   * Hands all sessions over: their users stay online while their clients reconnect elsewhere. From now on nothing can be
   * opened. While clients come back elsewhere the lease is kept, for at most half of the time; with its end the grace of the
   * others begins. Ends when presence was told, or at the deadline; what is untold then, presence finds out by itself.
   * @param options.deadlineMs default 10,000
   */
  async drain({ deadlineMs = 10_000 }: { deadlineMs?: number } = {}): Promise<void> {
    if (this.#state === "stopped") return;
    this.#state = "draining";
    const enough = new AbortController();
    const told = this.#book.sessions().map((session) => session.close("server-drain"));
    told.push(this.#closeLease(deadlineMs / 2, enough.signal));
    await Promise.race([Promise.all(told), pause(this.#clock, deadlineMs, enough.signal)]);
    enough.abort();
    this.#stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.drain();
  }

  metrics(): KeeperMetrics {
    const { sessionsMax, closingsMax, callsMax, batchesMax } = this.#limits;
    const keptAlive = this.#keepAlive.metrics();
    return {
      sessions: { ...this.#book.counts },
      ...this.#counters,
      ...this.#calls.counters,
      ...this.#activities.counters,
      ...keptAlive,
      callsWaiting: this.#outbox.size,
      callsUnderWay: this.#outbox.underWay,
      outages: this.#reachability.outages,
      reachable: this.#reachability.isReachable,
      bounds: {
        sessions: { used: this.#book.live, limit: sessionsMax },
        closings: { used: this.#book.counts.closing, limit: closingsMax },
        calls: { used: this.#outbox.underWay, limit: callsMax },
        batches: { used: keptAlive.batchesUnderWay, limit: batchesMax },
        activities: { used: this.#activities.size, limit: sessionsMax },
        successions: { used: this.#successions.size, limit: sessionsMax },
      },
    };
  }

  /**
   * session-lifecycle.ts decides; here it is done.
   * @param retryAfterMs presence's advice for what is told again
   */
  #apply(session: HeldSession, event: SessionEvent, retryAfterMs = 0): void {
    const { lifecycle, effects } = next(session.lifecycle, event);
    this.#book.move(session, lifecycle);
    for (const effect of effects) this.#perform(session, effect, retryAfterMs);
  }

  #perform(session: HeldSession, effect: Effect, retryAfterMs: number): void {
    switch (effect) {
      case "tell":
        session.failures = 0;
        this.#tell(session);
        return;
      case "tell-again":
        this.#outbox.addAgain(session, this.#restMs(session, retryAfterMs));
        return;
      case "beat":
        this.#keepAlive.add(session);
        return;
      case "withdraw":
        this.#keepAlive.delete(session);
        this.#activities.delete(session);
        this.#outbox.delete(session);
        return;
      case "find-successor":
        this.#successions.ask(session);
        return;
      case "count-dropped":
        this.#counters.closingsDropped++;
        return;
    }
  }

  #restMs(session: HeldSession, retryAfterMs: number): number {
    return Math.max(backoffMs(session.failures++, retryPace, this.#clock), Math.min(retryAfterMs, retryPace.capMs));
  }

  /** Its device has a newer session, elsewhere. */
  #hasElsewhere(session: HeldSession): void {
    if (!session.isLive) this.#returnedMs = this.#clock.monotonicMs();
    this.#apply(session, { kind: "superseded" });
  }

  #force(session: HeldSession, why: ClosedByOperator): void {
    session.forcedFor = why;
    this.#apply(session, { kind: "forced" });
  }

  #tell(session: HeldSession): void {
    const verified = this.#keepAlive.settled(session);
    if (this.#endsWithLease(session)) void this.#leaveToLease(session);
    else if (verified === undefined) this.#outbox.add(session);
    else void verified.then(() => this.#outbox.add(session));
  }

  /** One call ends it, with all others under the lease. */
  #endsWithLease({ leaseId, closing }: HeldSession): boolean {
    return this.#state !== "open" && leaseId !== "" && closing?.reason === "server-drain";
  }

  async #leaveToLease(session: HeldSession): Promise<void> {
    await this.#leaseClosed;
    this.#apply(session, { kind: "unregistered" });
  }

  async #closeLease(holdMs: number, signal: AbortSignal): Promise<void> {
    await this.#whileReturning(holdMs, signal);
    await this.#keepAlive.closeLease(signal);
    if (!signal.aborted) this.#tellLeaseClosed();
  }

  /** Waits until all are elsewhere, or none has come for as long as a call may take: others' gateways may be slow. */
  async #whileReturning(holdMs: number, signal: AbortSignal): Promise<void> {
    const clock = this.#clock;
    const untilMs = clock.monotonicMs() + holdMs;
    const isReturning = () => clock.monotonicMs() - this.#returnedMs < this.#limits.callTimeoutMs;
    while (this.#book.counts.closing > 0 && isReturning() && clock.monotonicMs() < untilMs && !signal.aborted) {
      await pause(clock, returnsEveryMs, signal);
    }
  }

  #replace(before: HeldSession, session: HeldSession): void {
    // One that was closed, and may tell presence of its end, does that by itself.
    if (!before.isLive && before.lifecycle.turn !== "queued") return;
    this.#apply(session, { kind: "succeeds", known: before.lifecycle.known });
    before.succeededBy("newer-connection");
    this.#apply(before, { kind: "replaced" });
  }

  #close(session: HeldSession, reason: CloseReason | undefined): void {
    if (!session.isLive) return;
    session.closing = { reason, expiresMs: this.#reachability.reachableMs + this.#keepAlive.paceOf(session).ttlMs };
    this.#apply(session, { kind: "closed" });
    const oldest = this.#book.oldestClosing;
    if (this.#book.counts.closing > this.#limits.closingsMax && oldest !== undefined) {
      this.#apply(oldest, { kind: "dropped" });
    }
  }

  /** Its turn in the outbox has come. */
  #call(session: HeldSession): Promise<void> | undefined {
    if (session.isLive) return this.#register(session);
    const { closing } = session;
    if (session.state !== "closing" || closing === undefined) return undefined;
    if (this.#reachability.reachableMs < closing.expiresMs) return this.#calls.unregister(session);
    this.#apply(session, { kind: "dropped" });
    return undefined;
  }

  #register(session: HeldSession): Promise<void> {
    this.#registering.set(session.deviceKey, session);
    this.#apply(session, { kind: "sent" });
    return this.#calls.register(session);
  }

  #registered(session: HeldSession, answer: RegisterSessionResponse, sentMs: number): void {
    if (session.state === "returning") this.#counters.returns++;
    this.#keepAlive.paceOf(session).adopt(answer);
    session.registrations++;
    const isRepeated = session.failures > 0;
    session.failures = 0;
    session.beatMs = sentMs;
    this.#registering.delete(session.deviceKey);
    this.#apply(session, { kind: "registered", token: answer.sessionId });
    this.#activities.registered(session, isRepeated);
    this.#release(session);
  }

  #registrationFailed(
    session: HeldSession,
    why: RegistrationFailure,
    error: PresenceClientError,
    sentMs: number,
  ): void {
    if (why === "refused") session.refusal = error;
    if (error.closed !== undefined) session.forcedFor = error.closed;
    if (why === "no-lease") this.#keepAlive.missedLease(this.#clock.monotonicMs() - sentMs);
    this.#registering.delete(session.deviceKey);
    this.#apply(session, { kind: "registration-failed", why }, error.retryAfterMs);
    this.#release(session);
  }

  /** A registration was answered: sessions that came after it on this device may register. */
  #release(session: HeldSession): void {
    const { successor } = session;
    if (successor === undefined) return;
    session.successor = undefined;
    if (session.state === "superseded") this.#apply(successor, { kind: "succeeds", known: session.lifecycle.known });
    // Presence stamped that one as late as now, and the successor came after it, however long ago.
    successor.aliveAtMs = this.#clock.monotonicMs();
    this.#apply(successor, { kind: "released" });
  }

  #stop(): void {
    this.#state = "stopped";
    this.#stopListening();
    this.#reachability.stop();
    this.#keepAlive.stop();
    this.#activities.stop();
    this.#outbox.stop();
    this.#calls.stop();
    this.#successions.stop();
    for (const session of this.#book.sessions()) this.#apply(session, { kind: "dropped" });
  }

  #newConnectionId(): string {
    this.#connections++;
    return `${this.#connectionPrefix}-${this.#connections.toString(36)}`;
  }
}

const retryPace = { firstMs: 500, capMs: 4_000 };

/** How often a drain looks who is back elsewhere, ms. */
const returnsEveryMs = 50;
