import type { CallOptions } from "@realchat/presence-grpc";
import { type Duration, durationOf } from "@realchat/presence-proto/duration";
import {
  type DeepPartial,
  DisconnectReason,
  PresenceApiDefinition,
  type RegisterSessionRequest,
  type RegisterSessionResponse,
  type RegisterSessionResult,
  type SessionRef,
  type UnregisterSessionRequest,
  type UnregisterSessionResponse,
} from "@realchat/presence-proto/presence";
import { backoffMs } from "@realchat/presence-runtime/backoff";
import { type Cancel, type Clock, pause } from "@realchat/presence-runtime/clock";
import type { Tracer } from "@realchat/presence-runtime/tracer";
import type { PresenceApi } from "../grpc/presence-channels.ts";
import { GatewayLease } from "../lease/gateway-lease.ts";
import { type ClosedByOperator, PresenceClientError, presenceClientErrorOf } from "../presence-client-error.ts";
import type { StatusKeeper } from "../status/status-keeper.ts";
import { wallTimeOf } from "../wall-time.ts";
import { Activities } from "./activities.ts";
import { failureOf, isRefusal, unanswered } from "./call-faults.ts";
import { GatheredCalls } from "./gathered-calls.ts";
import { Heartbeats } from "./heartbeats.ts";
import { HeldSession, type SessionOwner } from "./held-session.ts";
import type { KeeperMetrics } from "./keeper-metrics.ts";
import { type KeeperLimits, keeperSettings, type SessionKeeperOptions } from "./keeper-options.ts";
import { Outbox } from "./outbox.ts";
import { Reachability } from "./reachability.ts";
import { RefreshCalls } from "./refresh-calls.ts";
import { ServerPace } from "./server-pace.ts";
import { SessionBook } from "./session-book.ts";
import type { CloseReason, SessionHandle } from "./session-handle.ts";
import { checkId, deviceKey, randomId } from "./session-ids.ts";
import { type Effect, next, type RegistrationFailure, type SessionEvent } from "./session-lifecycle.ts";
import { Successions } from "./successions.ts";
import { Verifications } from "./verifications.ts";

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
 *
 * One heartbeat is for all sessions under its lease. Those that are under none, since presence has no leases or its lease is
 * being opened, have heartbeats of their own.
 */
export class SessionKeeper implements AsyncDisposable {
  readonly #api: PresenceApi;
  readonly #instanceId: string;
  readonly #limits: KeeperLimits;
  readonly #clock: Clock;
  readonly #tracer: Tracer | undefined;
  readonly #statuses: Pick<StatusKeeper, "sayAgain"> | undefined;
  readonly #reachability: Reachability;
  /** Of sessions under no lease. */
  readonly #pace = new ServerPace({ intervalMs: 20_000, ttlMs: 60_000 });
  readonly #book = new SessionBook();
  /** Devices of which a registration is under way, by deviceKey: a newer session has to wait for its answer. */
  readonly #registering = new Map<string, HeldSession>();
  readonly #outbox: Outbox<HeldSession>;
  readonly #registers: GatheredCalls<DeepPartial<RegisterSessionRequest>, RegisterSessionResponse>;
  readonly #unregisters: GatheredCalls<DeepPartial<UnregisterSessionRequest>, UnregisterSessionResponse>;
  readonly #refreshes: RefreshCalls;
  readonly #activities: Activities;
  readonly #heartbeats: Heartbeats;
  /** Absent when none is wanted. */
  readonly #leased: { readonly lease: GatewayLease; readonly verifications: Verifications } | undefined;
  readonly #successions: Successions;
  readonly #stopListening: Cancel;
  readonly #connectionPrefix: string;
  readonly #counters = { registrations: 0, returns: 0, unregistrations: 0, callFailures: 0, closingsDropped: 0 };
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
    this.#api = channels.api;
    this.#instanceId = instanceId;
    this.#limits = limits;
    this.#clock = clock;
    this.#owner = {
      close: (session, reason) => this.#close(session, reason),
      setActivity: (session, activity) => {
        if (session.isLive) this.#activities.say(session, activity);
      },
      onListenerError,
    };
    this.#tracer = tracer;
    this.#statuses = statuses;
    this.#connectionPrefix = randomId(clock);
    const reachability = new Reachability({
      clock,
      intervalMs: () => this.#pace.intervalMs,
      sessions: () => this.#book.live + this.#book.counts.closing,
      hasHeartbeats: () => this.#heartbeats.size > 0 || this.#leaseId !== "",
      inDoubt: () => this.#probe(),
      wake: () => {
        this.#heartbeats.probe();
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
    const timeout = { timeoutMs: limits.callTimeoutMs };
    this.#registers = new GatheredCalls({
      ...{ method: "register", clock, reachability, ...limits },
      requestOf: (session) => this.#registrationOf(session),
      one: (request) =>
        this.#api
          .registerSession(request, { ...timeout, ...tracedBy(request) })
          .catch((error) => this.#whyRefused(request, error)),
      many: async (sessions) => {
        const { results } = await this.#api.registerSessions({ sessions }, timeout);
        return results.map(registrationIn);
      },
      answered: (session, answer, sentMs) => this.#registered(session, answer, sentMs),
      failed: (session, error, sentMs) => this.#registrationFailed(session, error, sentMs),
    });
    this.#unregisters = new GatheredCalls({
      ...{ method: "unregister", clock, reachability, ...limits },
      requestOf: (session) => this.#endingOf(session),
      one: (request) => this.#api.unregisterSession(request, { ...timeout, ...tracedBy(request) }),
      many: async (sessions) => {
        const { results } = await this.#api.unregisterSessions({ sessions }, timeout);
        return results.map((result) => failureOf(result) ?? {});
      },
      answered: (session) => this.#unregistered(session),
      failed: (session, error) => this.#unregistrationFailed(session, error),
    });
    this.#refreshes = new RefreshCalls({
      ...{ reachability, api: channels.api },
      missing: (session) => this.#apply(session, { kind: "missing" }),
      superseded: (session) => this.#apply(session, { kind: "superseded" }),
      closed: (session, why) => this.#force(session, why),
    });
    this.#activities = new Activities({
      ...{ clock, reachability, api: channels.api, ...limits },
      missing: (session) => this.#apply(session, { kind: "missing" }),
      doubted: (session) => this.#doubt(session),
    });
    this.#heartbeats = new Heartbeats({ clock, limits, reachability, pace: this.#pace, calls: this.#refreshes });
    this.#leased = leases ? this.#openLease() : undefined;
    this.#successions = new Successions({
      ...{ clock, instanceId, api: channels.api },
      ...{ callTimeoutMs: limits.callTimeoutMs, waitingMax: limits.sessionsMax },
      holds: (session) => this.#book.latest(session)?.isLive === true,
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
    const before = this.#book.latest(session);
    const busy = this.#registering.get(deviceKey(session));
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
    return {
      sessions: { ...this.#book.counts },
      ...this.#counters,
      ...this.#refreshes.counters,
      ...this.#activities.counters,
      heartbeats: this.#heartbeats.answered,
      lease: this.#leaseMetrics(),
      callsWaiting: this.#outbox.size,
      callsUnderWay: this.#outbox.underWay,
      batchesUnderWay: this.#refreshes.underWay,
      heartbeatIntervalMs: this.#pace.intervalMs,
      outages: this.#reachability.outages,
      reachable: this.#reachability.isReachable,
      bounds: {
        sessions: { used: this.#book.live, limit: sessionsMax },
        closings: { used: this.#book.counts.closing, limit: closingsMax },
        calls: { used: this.#outbox.underWay, limit: callsMax },
        batches: { used: this.#refreshes.underWay, limit: batchesMax },
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
        this.#keepAlive(session);
        return;
      case "withdraw":
        this.#heartbeats.delete(session);
        this.#leased?.verifications.delete(session);
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

  #openLease(): { readonly lease: GatewayLease; readonly verifications: Verifications } {
    const clock = this.#clock;
    const reachability = this.#reachability;
    const lease = new GatewayLease({
      ...{ clock, api: this.#api, instanceId: this.#instanceId },
      newLeaseId: () => randomId(clock),
      superseded: (refs) => {
        for (const session of this.#named(refs)) this.#hasElsewhere(session);
      },
      closed: (refs, why) => {
        for (const session of this.#named(refs)) this.#force(session, why);
      },
      verifyAll: () => verifications.doubtAll(this.#book.online()),
      release: () => {
        for (const session of verifications.clear()) this.#keepAlive(session);
      },
      perhapsLost: () => this.#statuses?.sayAgain(),
      answered: () => reachability.succeeded("lease"),
      // Each call speaks for all sessions.
      failed: (error, isProbe) => reachability.failed("lease", Symbol("call"), error, isProbe),
    });
    const verifications: Verifications = new Verifications({
      ...{ clock, reachability, lease, limits: this.#limits, calls: this.#refreshes },
      moved: (session) => this.#heartbeats.delete(session),
      restored: (session) => this.#activities.sayAgain(session),
    });
    return { lease, verifications };
  }

  /** Those that these name, and that have not been registered anew. */
  #named(refs: readonly SessionRef[]): HeldSession[] {
    return refs.flatMap((ref) => {
      const session = this.#book.latest(ref);
      return session?.token === ref.sessionId ? [session] : [];
    });
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

  /** The lease under which sessions are registered now; empty: none. */
  get #leaseId(): string {
    return this.#leased?.lease.openId ?? "";
  }

  /** It is online: the lease is its heartbeat, or it sends its own. */
  #keepAlive(session: HeldSession): void {
    const { lease, verifications } = this.#leased ?? {};
    if (lease?.state === "unsupported") session.leaseId = "";
    if (session.leaseId === "") this.#heartbeats.add(session);
    else verifications?.add(session);
    if (session.leaseId !== this.#leaseId) verifications?.doubt(session);
  }

  /** One under no lease has a heartbeat soon. */
  #doubt(session: HeldSession): void {
    if (session.leaseId !== "") this.#leased?.verifications.doubt(session);
  }

  /** A heartbeat tells whether presence is away; best the lease's, which fails only where no shard answers. */
  #probe(): void {
    if (this.#leaseId === "") this.#heartbeats.probe();
    else this.#leased?.lease.probe();
  }

  #tell(session: HeldSession): void {
    const verified = this.#leased?.verifications.settled(session);
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
    await this.#leased?.lease.close(signal);
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

  #leaseMetrics(): KeeperMetrics["lease"] {
    const { lease, verifications } = this.#leased ?? {};
    const none = { opens: 0, keeps: 0, failures: 0, closures: 0, notices: 0, verified: 0, passes: 0 };
    const { size: sessions = 0, doubted = 0 } = verifications ?? {};
    return { state: "off", ...none, ...lease?.metrics, ...verifications?.counters, sessions, doubted };
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
    session.closing = { reason, expiresMs: this.#reachability.reachableMs + this.#paceOf(session).ttlMs };
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
    if (this.#reachability.reachableMs < closing.expiresMs) {
      this.#startSpan(session, "UnregisterSession");
      return this.#unregisters.call(session);
    }
    this.#apply(session, { kind: "dropped" });
    return undefined;
  }

  #paceOf({ leaseId }: HeldSession): ServerPace {
    return leaseId === "" || this.#leased === undefined ? this.#pace : this.#leased.lease.verifyPace;
  }

  #register(session: HeldSession): Promise<void> {
    this.#registering.set(deviceKey(session), session);
    this.#apply(session, { kind: "sent" });
    this.#startSpan(session, "RegisterSession");
    return this.#registers.call(session);
  }

  #registrationOf(session: HeldSession): DeepPartial<RegisterSessionRequest> {
    session.leaseId = this.#leaseId;
    const { userId, deviceId, connectionId, token, leaseId } = session;
    const identity = { userId, deviceId, connectionId, instanceId: this.#instanceId, leaseId };
    // One that comes back has its place in the order already.
    const age = token === "" ? ageOf(this.#clock.monotonicMs() - session.aliveAtMs) : undefined;
    const idleSince = wallTimeOf(this.#activities.registrationOf(session));
    return { ...identity, previousSessionId: token, age, idleSince, ...session.trace };
  }

  #startSpan(session: HeldSession, method: string): void {
    if (this.#tracer === undefined) return;
    const attributes = { "rpc.system": "grpc", "rpc.service": PresenceApiDefinition.fullName, "rpc.method": method };
    session.span = this.#tracer.start(`${PresenceApiDefinition.fullName}/${method}`, { kind: "client", attributes });
  }

  #endSpan(session: HeldSession, error?: PresenceClientError): void {
    session.span?.end(error?.message);
    session.span = undefined;
  }

  #registered(session: HeldSession, answer: RegisterSessionResponse, sentMs: number): void {
    this.#endSpan(session);
    this.#counters.registrations++;
    if (session.state === "returning") this.#counters.returns++;
    this.#paceOf(session).adopt(answer);
    session.registrations++;
    const isRepeated = session.failures > 0;
    session.failures = 0;
    session.beatMs = sentMs;
    this.#registering.delete(deviceKey(session));
    this.#apply(session, { kind: "registered", token: answer.sessionId });
    this.#activities.registered(session, isRepeated);
    this.#release(session);
  }

  #registrationFailed(session: HeldSession, error: PresenceClientError, sentMs: number): void {
    this.#endSpan(session, error);
    this.#counters.callFailures++;
    const why = registrationFailure(session, error);
    if (why === "refused") session.refusal = error;
    if (error.closed !== undefined) session.forcedFor = error.closed;
    if (why === "no-lease") this.#leased?.lease.missed(this.#clock.monotonicMs() - sentMs);
    this.#registering.delete(deviceKey(session));
    this.#apply(session, { kind: "registration-failed", why }, error.retryAfterMs);
    this.#release(session);
  }

  /**
   * A status has no room for what an operator said: the batch has. It asks once more, so it may be carried out: unless it is
   * answered, nothing is known of it.
   */
  async #whyRefused(request: DeepPartial<RegisterSessionRequest>, error: unknown): Promise<RegisterSessionResponse> {
    const refusal = presenceClientErrorOf(error);
    if (refusal.code !== "FAILED_PRECONDITION") throw refusal;
    const { callTimeoutMs: timeoutMs } = this.#limits;
    const { results } = await this.#api.registerSessions({ sessions: [request] }, { timeoutMs }).catch((thrown) => {
      const failure = presenceClientErrorOf(thrown);
      throw failure.code === "UNIMPLEMENTED" ? refusal : failure;
    });
    const answer = results.map(registrationIn)[0] ?? unanswered;
    if (answer instanceof PresenceClientError) throw answer;
    return answer;
  }

  #endingOf(session: HeldSession): DeepPartial<UnregisterSessionRequest> {
    const { userId, deviceId, knownToken: sessionId, closing } = session;
    const reason = closing?.reason === undefined ? undefined : reasons[closing.reason];
    return {
      userId,
      deviceId,
      sessionId,
      reason: reason ?? DisconnectReason.DISCONNECT_REASON_UNSPECIFIED,
      ...session.trace,
    };
  }

  #unregistered(session: HeldSession): void {
    this.#endSpan(session);
    this.#counters.unregistrations++;
    this.#apply(session, { kind: "unregistered" });
  }

  #unregistrationFailed(session: HeldSession, error: PresenceClientError): void {
    this.#endSpan(session, error);
    this.#counters.callFailures++;
    const why = isRefusal(error) ? "refused" : "unanswered";
    this.#apply(session, { kind: "unregistration-failed", why }, error.retryAfterMs);
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
    this.#heartbeats.stop();
    this.#leased?.lease.stop();
    this.#leased?.verifications.stop();
    this.#activities.stop();
    this.#outbox.stop();
    this.#registers.stop();
    this.#unregisters.stop();
    this.#successions.stop();
    for (const session of this.#book.sessions()) this.#apply(session, { kind: "dropped" });
  }

  #newConnectionId(): string {
    this.#connections++;
    return `${this.#connectionPrefix}-${this.#connections.toString(36)}`;
  }
}

const reasons = {
  "logged-out": DisconnectReason.DISCONNECT_REASON_LOGGED_OUT,
  "connection-lost": DisconnectReason.DISCONNECT_REASON_CONNECTION_LOST,
  "server-drain": DisconnectReason.DISCONNECT_REASON_SERVER_DRAIN,
} as const satisfies Record<CloseReason, DisconnectReason>;

/** @returns what presence answered to one of many */
function registrationIn(result: RegisterSessionResult): RegisterSessionResponse | PresenceClientError {
  return failureOf(result) ?? result.session ?? unanswered;
}

/** A call of its own has its trace context where every gRPC server looks for it. */
function tracedBy({ traceparent }: { readonly traceparent?: string | undefined }): Pick<CallOptions, "metadata"> {
  return traceparent === undefined ? {} : { metadata: { traceparent } };
}

const retryPace = { firstMs: 500, capMs: 4_000 };

/** How often a drain looks who is back elsewhere, ms. */
const returnsEveryMs = 50;

/** Less says nothing: clocks and calls are no more exact. A day is as good as longer. */
const ageMinMs = 1_000;
const ageMaxMs = 86_400_000;

/** @returns undefined for what happens all the time */
function ageOf(waitedMs: number): Duration | undefined {
  return waitedMs < ageMinMs ? undefined : durationOf(Math.floor(Math.min(waitedMs, ageMaxMs)));
}

function registrationFailure({ leaseId }: HeldSession, error: PresenceClientError): RegistrationFailure {
  if (error.closed !== undefined) return "forced";
  if (error.code === "FAILED_PRECONDITION") return "superseded";
  if (error.code === "NOT_FOUND" && leaseId !== "") return "no-lease";
  return isRefusal(error) ? "refused" : "unanswered";
}
