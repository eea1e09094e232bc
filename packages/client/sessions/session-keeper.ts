import { DisconnectReason, type RegisterSessionResponse } from "@realchat/presence-proto/presence";
import { backoffMs } from "@realchat/presence-runtime/backoff";
import { type Cancel, type Clock, pause } from "@realchat/presence-runtime/clock";
import type { PresenceApi } from "../grpc/presence-channels.ts";
import { PresenceClientError, presenceClientErrorOf } from "../presence-client-error.ts";
import type { OnListenerError } from "../tell.ts";
import { isRefusal } from "./call-faults.ts";
import { Heartbeats } from "./heartbeats.ts";
import { HeldSession } from "./held-session.ts";
import type { KeeperMetrics } from "./keeper-metrics.ts";
import { type KeeperLimits, keeperSettings, type SessionKeeperOptions } from "./keeper-options.ts";
import { Outbox } from "./outbox.ts";
import { type Method, Reachability } from "./reachability.ts";
import { ServerPace } from "./server-pace.ts";
import { SessionBook } from "./session-book.ts";
import type { CloseReason, SessionHandle } from "./session-handle.ts";
import { checkId } from "./session-ids.ts";
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
  readonly #api: PresenceApi;
  readonly #instanceId: string;
  readonly #limits: KeeperLimits;
  readonly #clock: Clock;
  readonly #onListenerError: OnListenerError;
  readonly #reachability: Reachability;
  readonly #pace = new ServerPace();
  readonly #book = new SessionBook();
  readonly #outbox: Outbox<HeldSession>;
  readonly #heartbeats: Heartbeats;
  readonly #successions: Successions;
  readonly #stopListening: Cancel;
  readonly #connectionPrefix: string;
  readonly #counters = { registrations: 0, returns: 0, unregistrations: 0, callFailures: 0, closingsDropped: 0 };
  readonly #closeOne = (session: HeldSession, reason: CloseReason | undefined) => this.#close(session, reason);
  #connections = 0;
  #state: "open" | "draining" | "stopped" = "open";

  /** @throws PresenceClientError INVALID_ARGUMENT naming the option */
  constructor(options: SessionKeeperOptions) {
    const { channels, instanceId, limits, clock, onListenerError } = keeperSettings(options);
    this.#api = channels.api;
    this.#instanceId = instanceId;
    this.#limits = limits;
    this.#clock = clock;
    this.#onListenerError = onListenerError;
    this.#connectionPrefix = `${randomText(clock)}${randomText(clock)}`;
    const reachability = new Reachability({
      clock,
      sessions: () => this.#book.live + this.#book.counts.closing,
      hasHeartbeats: () => this.#heartbeats.size > 0,
      inDoubt: () => this.#heartbeats.probe(),
      wake: () => {
        this.#heartbeats.probe();
        this.#outbox.work();
      },
    });
    this.#reachability = reachability;
    this.#outbox = new Outbox({
      ...{ clock, reachability, ...limits },
      methodOf: ({ isLive }) => (isLive ? "register" : "unregister"),
      perform: (session) => this.#perform(session),
    });
    this.#heartbeats = new Heartbeats({
      ...{ clock, limits, reachability, api: channels.api, pace: this.#pace },
      missing: (session) => this.#missing(session),
      superseded: (session) => this.#superseded(session),
    });
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
    if (this.#state !== "open") throw new PresenceClientError("FAILED_PRECONDITION", "this keeper was drained");
    const { sessionsMax } = this.#limits;
    if (this.#book.live >= sessionsMax) {
      const message = `this keeper has ${sessionsMax} sessions, its limit: raise limits.sessionsMax, or use another gateway`;
      throw new PresenceClientError("RESOURCE_EXHAUSTED", message);
    }
    const nowMs = this.#clock.monotonicMs();
    const identity = { userId, deviceId, connectionId: connectionId ?? this.#newConnectionId() };
    const alive = { aliveAtMs: Math.min(aliveAtMs ?? nowMs, nowMs) };
    const session = new HeldSession({ ...identity, ...alive }, this.#closeOne, this.#onListenerError);
    const before = this.#book.latest(session);
    this.#book.add(session);
    if (before !== undefined) this.#replace(before, session);
    if (session.predecessor === undefined) this.#outbox.add(session);
    return session;
  }

  /**
   * Hands all sessions over: their users stay online while their clients reconnect elsewhere. From now on nothing can be
   * opened. Ends when presence was told, or at the deadline; what is untold then, presence finds out by itself.
   * @param options.deadlineMs default 10,000
   */
  async drain({ deadlineMs = 10_000 }: { deadlineMs?: number } = {}): Promise<void> {
    if (this.#state === "stopped") return;
    this.#state = "draining";
    const enough = new AbortController();
    const told = this.#book.sessions().map((session) => session.close("server-drain"));
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
      ...this.#heartbeats.counters,
      callsWaiting: this.#outbox.size,
      callsUnderWay: this.#outbox.underWay,
      batchesUnderWay: this.#heartbeats.underWay,
      heartbeatIntervalMs: this.#pace.intervalMs,
      outages: this.#reachability.outages,
      reachable: this.#reachability.isReachable,
      bounds: {
        sessions: { used: this.#book.live, limit: sessionsMax },
        closings: { used: this.#book.counts.closing, limit: closingsMax },
        calls: { used: this.#outbox.underWay, limit: callsMax },
        batches: { used: this.#heartbeats.underWay, limit: batchesMax },
        successions: { used: this.#successions.size, limit: sessionsMax },
      },
    };
  }

  /** Presence must hear of both in the order in which they were opened, or the older one would win. */
  #replace(before: HeldSession, session: HeldSession): void {
    const waited = before.predecessor;
    const busy = before.isRegistering ? before : waited;
    if (busy !== undefined) {
      busy.successor = session;
      session.predecessor = busy;
      before.predecessor = undefined;
    }
    // One that was closed while it waited leaves even that to us.
    if (!before.isLive && waited === undefined) return;
    this.#inherit(before, session);
    before.succeededBy("newer-connection");
    this.#over(before, before.isLive ? "superseded" : "closed");
  }

  #close(session: HeldSession, reason: CloseReason | undefined): void {
    if (!session.isLive) return;
    session.closeReason = reason;
    session.expiresMs = this.#reachability.reachableMs + this.#pace.ttlMs;
    this.#heartbeats.delete(session);
    this.#outbox.delete(session);
    this.#book.move(session, "closing");
    if (!session.isRegistering && session.predecessor === undefined) this.#goOn(session);
    const oldest = this.#book.oldestClosing;
    if (this.#book.counts.closing > this.#limits.closingsMax && oldest !== undefined) this.#drop(oldest);
  }

  #inherit(before: HeldSession, session: HeldSession): void {
    session.inheritedToken = before.knownToken;
    session.isUncertain = before.isUncertain;
  }

  /** Puts what is to be told next in the outbox. */
  #goOn(session: HeldSession): void {
    session.failures = 0;
    if (this.#hasToTell(session)) this.#outbox.add(session);
  }

  #hasToTell(session: HeldSession): boolean {
    if (session.isLive) return true;
    if (session.state !== "closing") return false;
    if (session.knownToken !== "") return true;
    // Only registering once more would tell the token; and could push out whoever has come since, elsewhere.
    if (session.isUncertain) this.#drop(session);
    else this.#over(session, "closed");
    return false;
  }

  #perform(session: HeldSession): Promise<void> | undefined {
    if (session.isLive) return this.#register(session);
    if (session.state !== "closing") return undefined;
    if (this.#reachability.reachableMs < session.expiresMs) return this.#unregister(session);
    this.#drop(session);
    return undefined;
  }

  async #register(session: HeldSession): Promise<void> {
    const { userId, deviceId, connectionId, token } = session;
    const sentMs = this.#clock.monotonicMs();
    const identity = { userId, deviceId, connectionId, instanceId: this.#instanceId };
    // One that comes back has its place in the order already.
    const age = token === "" ? ageOf(sentMs - session.aliveAtMs) : undefined;
    const registration = { ...identity, previousSessionId: token, age };
    session.isRegistering = true;
    this.#reachability.trying("register");
    let outcome: RegisterSessionResponse | PresenceClientError;
    try {
      outcome = await this.#api.registerSession(registration, { timeoutMs: this.#limits.callTimeoutMs });
    } catch (error) {
      outcome = presenceClientErrorOf(error);
    }
    session.isRegistering = false;
    if (outcome instanceof PresenceClientError) this.#registrationFailed(session, outcome);
    else this.#registered(session, outcome, sentMs);
    this.#release(session);
  }

  #registered(session: HeldSession, answer: RegisterSessionResponse, sentMs: number): void {
    this.#counters.registrations++;
    if (session.state === "returning") this.#counters.returns++;
    this.#pace.adopt(answer);
    session.token = answer.sessionId;
    session.inheritedToken = "";
    session.isUncertain = false;
    session.registrations++;
    session.failures = 0;
    if (session.isLive) {
      session.beatMs = sentMs;
      this.#heartbeats.add(session);
      this.#book.move(session, "online");
    } else {
      this.#goOn(session);
    }
    this.#reachability.succeeded("register");
  }

  #registrationFailed(session: HeldSession, error: PresenceClientError): void {
    this.#counters.callFailures++;
    if (error.code === "FAILED_PRECONDITION") {
      if (session.isLive) this.#superseded(session);
      else this.#over(session, "closed");
      this.#reachability.succeeded("register");
    } else if (isRefusal(error)) {
      session.refusal = error;
      this.#over(session, session.isLive ? "refused" : "closed");
      this.#reachability.succeeded("register");
    } else {
      // One that comes back keeps its token.
      if (session.token === "") session.isUncertain = true;
      this.#tryAgain(session, "register", error);
    }
  }

  async #unregister(session: HeldSession): Promise<void> {
    const { userId, deviceId, knownToken: sessionId, closeReason } = session;
    const reason = closeReason === undefined ? DisconnectReason.DISCONNECT_REASON_UNSPECIFIED : reasons[closeReason];
    this.#reachability.trying("unregister");
    try {
      const options = { timeoutMs: this.#limits.callTimeoutMs };
      await this.#api.unregisterSession({ userId, deviceId, sessionId, reason }, options);
      this.#counters.unregistrations++;
      if (session.isUncertain) this.#drop(session);
      else this.#over(session, "closed");
      this.#reachability.succeeded("unregister");
    } catch (thrown) {
      const error = presenceClientErrorOf(thrown);
      this.#counters.callFailures++;
      if (isRefusal(error)) this.#drop(session);
      else this.#tryAgain(session, "unregister", error);
    }
  }

  #tryAgain(session: HeldSession, method: Method, error: PresenceClientError): void {
    this.#reachability.failed(method, session, error);
    if (this.#state === "stopped" || !this.#hasToTell(session)) return;
    const restMs = backoffMs(session.failures++, retryPace, this.#clock);
    this.#outbox.addAgain(session, Math.max(restMs, Math.min(error.retryAfterMs ?? 0, retryPace.capMs)));
  }

  /** A registration has been answered: whoever came after it on this device may go. */
  #release(session: HeldSession): void {
    const { successor } = session;
    if (successor === undefined) return;
    session.successor = undefined;
    successor.predecessor = undefined;
    if (session.state === "superseded") this.#inherit(session, successor);
    // Presence stamped that one as late as now, and the successor came after it, however long ago.
    successor.aliveAtMs = this.#clock.monotonicMs();
    this.#goOn(successor);
  }

  #missing(session: HeldSession): void {
    this.#heartbeats.delete(session);
    this.#book.move(session, "returning");
    this.#goOn(session);
  }

  #superseded(session: HeldSession): void {
    this.#over(session, "superseded");
    this.#successions.ask(session);
  }

  #over(session: HeldSession, state: "superseded" | "refused" | "closed"): void {
    this.#heartbeats.delete(session);
    this.#outbox.delete(session);
    if (session.isLive || session.state === "closing") this.#book.move(session, state);
  }

  /** Presence will end it by itself. */
  #drop(session: HeldSession): void {
    this.#counters.closingsDropped++;
    this.#over(session, "closed");
  }

  #stop(): void {
    this.#state = "stopped";
    this.#stopListening();
    this.#reachability.stop();
    this.#heartbeats.stop();
    this.#outbox.stop();
    this.#successions.stop();
    for (const session of this.#book.sessions()) this.#drop(session);
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

const retryPace = { firstMs: 500, capMs: 4_000 };

/** Less says nothing: clocks and calls are no more exact. A day is as good as longer. */
const ageMinMs = 1_000;
const ageMaxMs = 86_400_000;

/** @returns undefined for what happens all the time */
function ageOf(waitedMs: number): { seconds: number; nanos: number } | undefined {
  if (waitedMs < ageMinMs) return undefined;
  const ms = Math.floor(Math.min(waitedMs, ageMaxMs));
  return { seconds: Math.floor(ms / 1_000), nanos: (ms % 1_000) * 1_000_000 };
}

/** 48 bits of chance, such as `k3v09x2m1a`. */
function randomText(clock: Clock): string {
  return Math.floor(clock.random() * 2 ** 48)
    .toString(36)
    .padStart(10, "0");
}
