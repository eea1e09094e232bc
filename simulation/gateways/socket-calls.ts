import { PresenceClientError } from "@realchat/presence-client";
import type { presence } from "@realchat/presence-proto";
import type { GroundTruth } from "../promises/ground-truth.ts";
import type { PromiseJudge } from "../promises/promise-judge.ts";
import type { Timeline } from "../promises/timeline.ts";
import type { TruthClock } from "../promises/truth-clock.ts";
import type { CallTap, Method } from "./simulated-channels.ts";

interface SocketCallsOptions {
  readonly gateway: string;
  readonly truth: GroundTruth;
  readonly judge: PromiseJudge;
  readonly clock: TruthClock;
  readonly timeline: Timeline;
  /** The socket that this gateway has open for a device; for callers without token. */
  readonly legacySocketOf?: (userId: string, deviceId: string) => string | undefined;
}

interface Named {
  readonly userId: string;
  readonly deviceId: string;
  readonly leaseId?: string;
  readonly sessionId?: string;
  readonly connectionId?: string;
}

/** A call that was sent: when, and what it keeps alive. */
interface SentCall {
  readonly atMs: number;
  readonly registers: boolean;
  readonly clocksMs: readonly number[];
  readonly asked: readonly Asked[];
  /** The lease that it opens or keeps. */
  readonly keeps: string | undefined;
  /** The socket of whose device it says whether it is used. */
  readonly touches: string | undefined;
}

/** A session that a call keeps alive: which socket's, under which lease, and its deadline clock when the call was sent. */
interface Asked {
  readonly named: Named;
  readonly id: string | undefined;
  readonly leaseId: string;
  readonly clockMs: number;
}

/** Tells the truth what the calls of a gateway say about its sockets, and what presence answered. */
export class SocketCalls implements CallTap<SentCall> {
  readonly #options: SocketCallsOptions;

  constructor(options: SocketCallsOptions) {
    this.#options = options;
  }

  sent(method: Method, request: unknown): SentCall {
    const { truth, clock, timeline, gateway } = this.#options;
    const asked = keptAlive(method, request).map((named): Asked => {
      const id = this.#idOf(named);
      const { leaseId = "" } = method === "refreshSessions" ? (request as presence.RefreshSessionsRequest) : named;
      if (id !== undefined) truth.asked(id, leaseId);
      if (isRegistering(method)) timeline.note(gateway, `registers ${id}${underLease(leaseId)}`, named.userId);
      return { named, id, leaseId, clockMs: clock.deadlineClockMs(named.userId) };
    });
    const keeps = method === "openLease" || method === "keepLease" ? leaseOf(request) : undefined;
    if (keeps !== undefined) truth.leases.asked(keeps);
    if (method === "closeLease") truth.leases.doubted(leaseOf(request));
    const touches = method === "setActivity" ? this.#idOf(request as Named) : undefined;
    if (touches !== undefined) truth.touched(touches);
    return {
      atMs: clock.nowMs(),
      registers: isRegistering(method),
      clocksMs: keeps === undefined ? [] : [...clock.deadlineClocksMs()],
      asked,
      keeps,
      touches,
    };
  }

  read({ atMs, registers, asked, keeps, touches }: SentCall): void {
    const { truth } = this.#options;
    for (const { id, leaseId } of asked) if (id !== undefined) truth.read(id, leaseId, registers ? atMs : undefined);
    if (keeps !== undefined) truth.leases.asked(keeps);
    if (touches !== undefined) truth.touched(touches);
  }

  answered(method: Method, request: unknown, answer: unknown, sent: SentCall): void {
    const { truth, judge, timeline, gateway } = this.#options;
    const refused = new Set(refusedIn(method, answer).map(deviceOf));
    for (const [place, { named, id, leaseId, clockMs: sentClockMs }] of sent.asked.entries()) {
      if (id === undefined) continue;
      if (refused.has(deviceOf(named)) || !isDone(method, answer, place)) {
        timeline.note(gateway, `is told that ${id} is not there, or not confirmed`, named.userId);
        continue;
      }
      const what = isRegistering(method) ? `has ${id} registered` : `kept ${id} alive`;
      timeline.note(gateway, `${what}${underLease(leaseId)}`, named.userId);
      const objection = truth.heard(id, leaseId, sentClockMs, sent.atMs);
      if (objection !== undefined) judge.object(objection.promise, named.userId, objection.why);
    }
    if (sent.keeps !== undefined) this.#kept(sent.keeps, answer as KeptLease, sent);
    if (method === "closeLease") this.#closed(leaseOf(request), sent.atMs);
    for (const [place, ending] of endedBy(method, request).entries()) {
      if (isDone(method, answer, place)) this.#unregistered(ending, sent.atMs);
    }
  }

  failed(method: Method, request: unknown, error: Error, { asked }: SentCall): void {
    const { truth, timeline, gateway } = this.#options;
    if (isAboutLease(method)) timeline.note(gateway, `${method} ${leaseOf(request)} failed: ${error.message}`);
    for (const named of [...keptAlive(method, request), ...endedBy(method, request)]) {
      timeline.note(gateway, `${method} of ${this.#idOf(named)} failed: ${error.message}`, named.userId);
    }
    const isRefused = isRefusal(error);
    for (const { id, clockMs } of asked) {
      if (id === undefined) continue;
      if (isRefused) truth.reached(id, clockMs);
      else if (!isRegistering(method)) truth.unconfirmed(id);
    }
  }

  #kept(leaseId: string, { missing = false, partial }: KeptLease, { clocksMs, atMs }: SentCall): void {
    const { truth, timeline, gateway } = this.#options;
    if (missing || partial)
      timeline.note(gateway, `is told that ${leaseId} is ${missing ? "missing" : "kept in part"}`);
    if (missing) truth.leases.doubted(leaseId);
    else if (!partial) truth.leases.kept(leaseId, clocksMs, atMs);
  }

  #closed(leaseId: string, sentMs: number): void {
    const { truth, timeline, gateway } = this.#options;
    truth.leases.closed(leaseId, sentMs);
    timeline.note(gateway, `has closed ${leaseId}`);
  }

  #unregistered(request: presence.UnregisterSessionRequest, sentMs: number): void {
    const { truth, timeline, gateway } = this.#options;
    const id = this.#idOf(request);
    timeline.note(gateway, `unregistered ${id ?? request.deviceId}`, request.userId);
    // DISCONNECT_REASON_CONNECTION_LOST and SERVER_DRAIN leave a grace.
    if (id !== undefined) truth.ended(id, request.reason === 2 || request.reason === 3, sentMs);
  }

  #idOf({ userId, deviceId, sessionId = "", connectionId = "" }: Named): string | undefined {
    if (connectionId !== "") return connectionId;
    const dot = sessionId.indexOf(".");
    if (dot >= 0) return sessionId.slice(dot + 1);
    return this.#options.legacySocketOf?.(userId, deviceId);
  }
}

/** What is said of a lease that was opened or kept. */
interface KeptLease {
  readonly missing?: boolean;
  readonly partial: boolean;
}

/** Whether presence answered, and said no: else nobody knows whether it heard the call. */
function isRefusal(error: Error): boolean {
  return error instanceof PresenceClientError && error.code !== "UNAVAILABLE" && error.code !== "DEADLINE_EXCEEDED";
}

function isAboutLease(method: Method): boolean {
  return method === "openLease" || method === "keepLease" || method === "closeLease";
}

function leaseOf(request: unknown): string {
  return (request as presence.KeepLeaseRequest).leaseId;
}

function underLease(leaseId: string): string {
  return leaseId === "" ? "" : ` under ${leaseId}`;
}

/** The sessions that a call keeps alive. */
function keptAlive(method: Method, request: unknown): readonly Named[] {
  if (method === "refreshSessions") return (request as presence.RefreshSessionsRequest).sessions;
  if (method === "registerSessions") return (request as presence.RegisterSessionsRequest).sessions;
  return method === "registerSession" || method === "refreshSession" ? [request as Named] : [];
}

/** The sessions that a call is to end. */
function endedBy(method: Method, request: unknown): readonly presence.UnregisterSessionRequest[] {
  if (method === "unregisterSessions") return (request as presence.UnregisterSessionsRequest).sessions;
  return method === "unregisterSession" ? [request as presence.UnregisterSessionRequest] : [];
}

function isRegistering(method: Method): boolean {
  return method === "registerSession" || method === "registerSessions";
}

/** Whether an answer to many has success for the one at this place; one to a single session is success. */
function isDone(method: Method, answer: unknown, place: number): boolean {
  if (method !== "registerSessions" && method !== "unregisterSessions") return true;
  return (answer as presence.UnregisterSessionsResponse).results[place]?.code === 0;
}

function refusedIn(method: Method, answer: unknown): readonly Named[] {
  if (method !== "refreshSessions") return [];
  const { missing, superseded, unconfirmed } = answer as presence.RefreshSessionsResponse;
  return [...missing, ...superseded, ...unconfirmed];
}

function deviceOf({ userId, deviceId }: Named): string {
  return `${userId}/${deviceId}`;
}
