import type { CallOptions } from "@realchat/presence-grpc";
import { type Duration, durationOf } from "@realchat/presence-proto/duration";
import {
  type DeepPartial,
  DisconnectReason,
  PresenceApiDefinition,
  type RegisterSessionRequest,
  type RegisterSessionResponse,
  type RegisterSessionResult,
  type UnregisterSessionRequest,
  type UnregisterSessionResponse,
} from "@realchat/presence-proto/presence";
import type { Clock } from "@realchat/presence-runtime/clock";
import type { Tracer } from "@realchat/presence-runtime/tracer";
import type { PresenceApi } from "../grpc/presence-channels.ts";
import { PresenceClientError, presenceClientErrorOf } from "../presence-client-error.ts";
import { wallTimeOf } from "../wall-time.ts";
import { failureOf, isRefusal, unanswered } from "./call-faults.ts";
import { GatheredCalls } from "./gathered-calls.ts";
import type { HeldSession } from "./held-session.ts";
import type { KeeperLimits } from "./keeper-options.ts";
import type { Reachability } from "./reachability.ts";
import type { CloseReason } from "./session-handle.ts";
import type { RegistrationFailure } from "./session-lifecycle.ts";

interface SessionCallsOptions {
  readonly clock: Clock;
  readonly limits: KeeperLimits;
  readonly reachability: Reachability;
  readonly api: PresenceApi;
  readonly instanceId: string;
  readonly tracer: Tracer | undefined;
  /** The lease under which sessions are registered now; empty: none. */
  leaseId(): string;
  /** What the registration says of the session's activity, ms of the wall clock; undefined: nothing. */
  idleSinceMsOf(session: HeldSession): number | undefined;
  /** @param sentMs when the call was sent, monotonic */
  registered(session: HeldSession, answer: RegisterSessionResponse, sentMs: number): void;
  /** @param sentMs as in `registered` */
  registrationFailed(session: HeldSession, why: RegistrationFailure, error: PresenceClientError, sentMs: number): void;
  unregistered(session: HeldSession): void;
  unregistrationFailed(session: HeldSession, why: "refused" | "unanswered", error: PresenceClientError): void;
}

/** Tells presence that sessions are there, and that they ended; many together, each answered and traced by itself. */
export class SessionCalls {
  /** Those that presence accepted; and those that failed, each attempt counted. */
  readonly counters = { registrations: 0, unregistrations: 0, callFailures: 0 };
  readonly #options: SessionCallsOptions;
  readonly #registers: GatheredCalls<DeepPartial<RegisterSessionRequest>, RegisterSessionResponse>;
  readonly #unregisters: GatheredCalls<DeepPartial<UnregisterSessionRequest>, UnregisterSessionResponse>;

  constructor(options: SessionCallsOptions) {
    const { clock, limits, reachability, api } = options;
    const timeout = { timeoutMs: limits.callTimeoutMs };
    this.#options = options;
    this.#registers = new GatheredCalls({
      ...{ method: "register", clock, reachability, ...limits },
      requestOf: (session) => this.#registrationOf(session),
      one: (request) =>
        api
          .registerSession(request, { ...timeout, ...tracedBy(request) })
          .catch((error) => this.#whyRefused(request, error)),
      many: async (sessions) => {
        const { results } = await api.registerSessions({ sessions }, timeout);
        return results.map(registrationIn);
      },
      answered: (session, answer, sentMs) => {
        this.#endSpan(session);
        this.counters.registrations++;
        options.registered(session, answer, sentMs);
      },
      failed: (session, error, sentMs) => {
        this.#failed(session, error);
        options.registrationFailed(session, registrationFailure(session, error), error, sentMs);
      },
    });
    this.#unregisters = new GatheredCalls({
      ...{ method: "unregister", clock, reachability, ...limits },
      requestOf: (session) => endingOf(session),
      one: (request) => api.unregisterSession(request, { ...timeout, ...tracedBy(request) }),
      many: async (sessions) => {
        const { results } = await api.unregisterSessions({ sessions }, timeout);
        return results.map((result) => failureOf(result) ?? {});
      },
      answered: (session) => {
        this.#endSpan(session);
        this.counters.unregistrations++;
        options.unregistered(session);
      },
      failed: (session, error) => {
        this.#failed(session, error);
        options.unregistrationFailed(session, isRefusal(error) ? "refused" : "unanswered", error);
      },
    });
  }

  /** Resolves once it was answered, or failed. */
  register(session: HeldSession): Promise<void> {
    this.#startSpan(session, "RegisterSession");
    return this.#registers.call(session);
  }

  /** Resolves once it was answered, or failed. */
  unregister(session: HeldSession): Promise<void> {
    this.#startSpan(session, "UnregisterSession");
    return this.#unregisters.call(session);
  }

  stop(): void {
    this.#registers.stop();
    this.#unregisters.stop();
  }

  #registrationOf(session: HeldSession): DeepPartial<RegisterSessionRequest> {
    const { clock, instanceId, leaseId: leaseIdNow, idleSinceMsOf } = this.#options;
    session.leaseId = leaseIdNow();
    const { userId, deviceId, connectionId, token, leaseId } = session;
    const identity = { userId, deviceId, connectionId, instanceId, leaseId };
    // One that comes back has its place in the order already.
    const age = token === "" ? ageOf(clock.monotonicMs() - session.aliveAtMs) : undefined;
    const idleSince = wallTimeOf(idleSinceMsOf(session));
    return { ...identity, previousSessionId: token, age, idleSince, ...session.trace };
  }

  /**
   * A status has no room for what an operator said: the batch has. It asks once more, so it may be carried out: unless it is
   * answered, nothing is known of it.
   */
  async #whyRefused(request: DeepPartial<RegisterSessionRequest>, error: unknown): Promise<RegisterSessionResponse> {
    const refusal = presenceClientErrorOf(error);
    if (refusal.code !== "FAILED_PRECONDITION") throw refusal;
    const { api, limits } = this.#options;
    const timeout = { timeoutMs: limits.callTimeoutMs };
    const { results } = await api.registerSessions({ sessions: [request] }, timeout).catch((thrown) => {
      const failure = presenceClientErrorOf(thrown);
      throw failure.code === "UNIMPLEMENTED" ? refusal : failure;
    });
    const answer = results.map(registrationIn)[0] ?? unanswered;
    if (answer instanceof PresenceClientError) throw answer;
    return answer;
  }

  #startSpan(session: HeldSession, method: string): void {
    const { tracer } = this.#options;
    if (tracer === undefined) return;
    const attributes = { "rpc.system": "grpc", "rpc.service": PresenceApiDefinition.fullName, "rpc.method": method };
    session.span = tracer.start(`${PresenceApiDefinition.fullName}/${method}`, { kind: "client", attributes });
  }

  #failed(session: HeldSession, error: PresenceClientError): void {
    this.#endSpan(session, error);
    this.counters.callFailures++;
  }

  #endSpan(session: HeldSession, error?: PresenceClientError): void {
    session.span?.end(error?.message);
    session.span = undefined;
  }
}

const reasons = {
  "logged-out": DisconnectReason.DISCONNECT_REASON_LOGGED_OUT,
  "connection-lost": DisconnectReason.DISCONNECT_REASON_CONNECTION_LOST,
  "server-drain": DisconnectReason.DISCONNECT_REASON_SERVER_DRAIN,
} as const satisfies Record<CloseReason, DisconnectReason>;

function endingOf(session: HeldSession): DeepPartial<UnregisterSessionRequest> {
  const { userId, deviceId, knownToken: sessionId, closing } = session;
  const reason = closing?.reason && reasons[closing.reason];
  return {
    ...{ userId, deviceId, sessionId, ...session.trace },
    reason: reason ?? DisconnectReason.DISCONNECT_REASON_UNSPECIFIED,
  };
}

/** @returns what presence answered to one of many */
function registrationIn(result: RegisterSessionResult): RegisterSessionResponse | PresenceClientError {
  return failureOf(result) ?? result.session ?? unanswered;
}

/** A call of its own has its trace context where every gRPC server looks for it. */
function tracedBy({ traceparent }: { readonly traceparent?: string | undefined }): Pick<CallOptions, "metadata"> {
  return traceparent === undefined ? {} : { metadata: { traceparent } };
}

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
