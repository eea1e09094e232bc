import { type Cancel, type Clock, systemClock } from "@realchat/presence-runtime/clock";
import { CallFailure, type PresenceClient } from "../../services/presence/testing/presence-client.ts";
import type { Timing } from "../history/history.ts";
import type { CallerKind, SessionCall, SessionEnd, SessionLife } from "../history/session-life.ts";
import type { Random } from "../random/random.ts";
import type { Gateway } from "./gateway.ts";
import { outcomeOf } from "./outcome.ts";
import { SimulatedLease } from "./simulated-lease.ts";

interface GatewayOptions {
  readonly name: string;
  readonly kind: CallerKind;
  /** Whether it keeps its sessions by a lease. */
  readonly isLeased?: boolean;
  /** One for each node, over this gateway's own links. */
  readonly nodes: readonly PresenceClient[];
  readonly timing: Timing;
  readonly random: Random;
  /** Every session that it ever opens is added here. */
  readonly lives: SessionLife[];
  readonly clock?: Clock;
}

interface Socket {
  readonly life: SessionLife;
  /** For a token caller: its fencing token. */
  sessionId: string;
  phase: "registering" | "held" | "closing";
  /** When the next call is due, monotonic ms. */
  dueMs: number;
  isBusy: boolean;
}

const turnMs = 100;
/** P6: a call that failed is made again well within 5 s. */
const retryMs = 250;
const batchMax = 1_000;
/** What a gateway does not care to say any more after so long: the session runs out by itself. */
const closingMaxMs = 10_000;
/** Verifying all sessions at once is spread over this time. */
const spreadMs = 1_000;

/**
 * A gateway without sockets. A token gateway reacts to answers as docs/contract.md asks, by heartbeats of each session or
 * by a lease for all of them; a legacy one knows only the existing fields and looks at no answer. It writes down every call
 * that it made about each session.
 */
export class SimulatedGateway implements Gateway {
  readonly name: string;
  readonly kind: CallerKind;
  readonly #options: GatewayOptions;
  readonly #clock: Clock;
  readonly #sockets = new Map<SessionLife, Socket>();
  readonly #cancelTurns: Cancel;
  #node: number;
  #state: "up" | "draining" | "stopped" = "up";
  #opened = 0;
  #lifetime = 0;
  #lease: SimulatedLease | undefined;
  /** Calls about sessions under the lease that were sent before do not count, monotonic ms. */
  #verifyFromMs = 0;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.name = options.name;
    this.kind = options.kind;
    this.#clock = options.clock ?? systemClock;
    this.#node = Math.floor(options.random.next() * options.nodes.length);
    this.#begin();
    this.#cancelTurns = this.#clock.every(turnMs, () => this.#turn());
  }

  get isUp(): boolean {
    return this.#state === "up";
  }

  open(userId: string, deviceId: string): SessionLife {
    const id = `${this.name}-${this.#lifetime}-${++this.#opened}`;
    const life: SessionLife = { id, userId, deviceId, kind: this.kind, gateway: this.name, calls: [] };
    this.#options.lives.push(life);
    this.#sockets.set(life, { life, sessionId: "", phase: "registering", dueMs: 0, isBusy: false });
    return life;
  }

  isRegistered(life: SessionLife): boolean {
    return this.#sockets.get(life)?.phase === "held";
  }

  close(life: SessionLife, reason: SessionEnd["reason"], isLate: boolean): void {
    const socket = this.#sockets.get(life);
    if (socket === undefined || socket.phase === "closing") return;
    life.releasedMs = this.#clock.monotonicMs();
    // What was never confirmed has no session_id to end: it runs out.
    if (socket.phase === "registering") return void this.#sockets.delete(life);
    life.end = { sentMs: life.releasedMs, reason, isLate };
    socket.phase = "closing";
    socket.dueMs = 0;
  }

  /** The client vanished, and the gateway with a sense for it stops its heartbeats without a word. */
  drop(life: SessionLife): void {
    if (this.#sockets.get(life)?.phase === "closing") return;
    life.releasedMs ??= this.#clock.monotonicMs();
    this.#sockets.delete(life);
  }

  crash(): void {
    this.#state = "stopped";
    const nowMs = this.#clock.monotonicMs();
    for (const life of this.#sockets.keys()) life.releasedMs ??= nowMs;
    this.#sockets.clear();
    this.#lease?.abandon();
    this.#lifetime++;
  }

  freeze(): void {
    this.#state = "stopped";
  }

  drain(): void {
    this.#state = "draining";
    if (this.#lease !== undefined) void this.#closeLease(this.#lease);
    else
      for (const life of this.#sockets.keys())
        this.close(life, this.kind === "legacy" ? "none" : "server-drain", false);
  }

  resume(): void {
    this.#state = "up";
    if (this.#lease?.life.releasedMs !== undefined) this.#begin();
  }

  stop(): void {
    this.#cancelTurns();
    this.crash();
  }

  #begin(): void {
    const { isLeased, nodes, timing } = this.#options;
    if (isLeased !== true) return;
    this.#lease = new SimulatedLease({
      ...{ id: `${this.name}-lease-${++this.#lifetime}`, gateway: this.name, nodes, timing: timing.lease },
      clock: this.#clock,
      onVerifyAll: () => this.#verifyAll(),
      onSuperseded: (sessionId) => this.#noticed(sessionId),
    });
  }

  /** With all sessions at once. */
  async #closeLease(lease: SimulatedLease): Promise<void> {
    const sentMs = this.#clock.monotonicMs();
    const ends = [...this.#sockets.values()]
      .filter(({ phase }) => phase !== "closing")
      .map(({ life }) => {
        const end: SessionEnd = { sentMs, reason: "server-drain", isLate: false };
        life.releasedMs = sentMs;
        life.end = end;
        return end;
      });
    this.#sockets.clear();
    if (!(await lease.close())) return;
    const confirmedMs = this.#clock.monotonicMs();
    for (const end of ends) end.confirmedMs = confirmedMs;
  }

  #verifyAll(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#verifyFromMs = nowMs;
    for (const socket of this.#sockets.values()) if (socket.phase === "held") socket.dueMs = this.#soon(nowMs);
  }

  /** What comes while it stands still is missed. */
  #noticed(sessionId: string): void {
    const socket = [...this.#sockets.values()].find((held) => held.sessionId === sessionId);
    if (this.#state === "stopped" || socket?.phase !== "held") return;
    const nowMs = this.#clock.monotonicMs();
    const lease = this.#lease?.life;
    this.#record([socket], { what: "notice", sentMs: nowMs, endedMs: nowMs, outcome: "superseded", lease });
    this.#letGo(socket);
  }

  #soon(nowMs: number): number {
    return nowMs + this.#options.random.between(0, spreadMs);
  }

  #turn(): void {
    if (this.#state === "stopped") return;
    this.#lease?.turn();
    const nowMs = this.#clock.monotonicMs();
    const due = [...this.#sockets.values()].filter(({ dueMs, isBusy }) => dueMs <= nowMs && !isBusy);
    const heartbeats = due.filter(({ phase }) => phase === "held");
    for (const socket of due) if (socket.phase !== "held") void this.#single(socket);
    if (this.kind === "legacy") for (const socket of heartbeats) void this.#single(socket);
    else if (heartbeats.length > 0) void this.#refreshAll(heartbeats.slice(0, batchMax));
  }

  async #single(socket: Socket): Promise<void> {
    if (socket.phase === "registering") await this.#register(socket);
    else if (socket.phase === "closing") await this.#unregister(socket);
    else await this.#refreshLegacy(socket);
  }

  async #register(socket: Socket): Promise<void> {
    const { life, sessionId } = socket;
    const { userId, deviceId, id } = life;
    const ids = { userId, deviceId, instanceId: this.name };
    const lease = this.#lease;
    const tokens = { connectionId: id, previousSessionId: sessionId, leaseId: lease?.life.id ?? "" };
    const request = this.kind === "legacy" ? ids : { ...ids, ...tokens };
    const made = await this.#call("register", [socket], (node) => node.api.registerSession(request));
    const nowMs = this.#clock.monotonicMs();
    const isLegacyAnswered = this.kind === "legacy" && made.call.outcome !== "unknown";
    if (made.answer !== undefined || isLegacyAnswered) {
      if (made.answer !== undefined && this.kind === "token") socket.sessionId = made.answer.sessionId;
      if (socket.phase === "registering") socket.phase = "held";
      socket.dueMs = this.#nextDueMs(made.call, nowMs);
    } else if (made.call.outcome === "superseded") {
      this.#letGo(socket);
    } else if (made.call.outcome === "missing") {
      lease?.reopen();
    }
    this.#record([socket], made.call);
  }

  async #refreshAll(sockets: readonly Socket[]): Promise<void> {
    const sessions = sockets.map(({ life: { userId, deviceId }, sessionId }) => ({ userId, deviceId, sessionId }));
    const leaseId = this.#lease?.life.id ?? "";
    const { answer, call } = await this.#call("refresh", sockets, (node) =>
      node.api.refreshSessions({ sessions, partial: true, leaseId }),
    );
    const named = (refs: readonly { sessionId: string }[] = []) => new Set(refs.map(({ sessionId }) => sessionId));
    const missing = named(answer?.missing);
    const superseded = named(answer?.superseded);
    const unconfirmed = named(answer?.unconfirmed);
    for (const socket of sockets) {
      const { sessionId } = socket;
      const outcome = missing.has(sessionId)
        ? "missing"
        : superseded.has(sessionId)
          ? "superseded"
          : unconfirmed.has(sessionId)
            ? "unknown"
            : call.outcome;
      this.#record(
        [socket],
        unconfirmed.has(sessionId) ? { ...call, outcome, code: "unconfirmed" } : { ...call, outcome },
      );
      if (socket.phase !== "held") continue;
      if (outcome === "missing") Object.assign(socket, { phase: "registering", dueMs: 0 });
      else if (outcome === "superseded") this.#letGo(socket);
      else if (outcome === "ok") socket.dueMs = this.#nextDueMs(call, this.#clock.monotonicMs());
    }
  }

  async #refreshLegacy(socket: Socket): Promise<void> {
    const { userId, deviceId } = socket.life;
    const { call } = await this.#call("refresh", [socket], (node) => node.api.refreshSession({ userId, deviceId }));
    this.#record([socket], call);
    if (call.outcome !== "unknown") socket.dueMs = this.#nextDueMs(call, this.#clock.monotonicMs());
  }

  async #unregister(socket: Socket): Promise<void> {
    const { life, sessionId } = socket;
    const end = life.end as SessionEnd;
    const { userId, deviceId } = life;
    const request =
      this.kind === "legacy" ? { userId, deviceId } : { userId, deviceId, sessionId, reason: reasons[end.reason] };
    const { call } = await this.#call("unregister", [socket], (node) => node.api.unregisterSession(request));
    this.#record([socket], call);
    if (call.outcome === "ok") end.confirmedMs ??= call.endedMs;
    const isTooLate = this.#clock.monotonicMs() - end.sentMs > closingMaxMs;
    if (call.outcome !== "unknown" || isTooLate) this.#sockets.delete(life);
  }

  #letGo({ life }: Socket): void {
    life.releasedMs ??= this.#clock.monotonicMs();
    this.#sockets.delete(life);
  }

  /** Makes a call to the node that answered last, and turns to the next one when it does not. */
  async #call<Answer extends object>(
    what: SessionCall["what"],
    sockets: readonly Socket[],
    make: (node: PresenceClient) => Promise<Answer>,
  ): Promise<{ answer?: Answer; call: SessionCall }> {
    const used = this.#node;
    const lease = what === "unregister" ? undefined : this.#lease?.life;
    for (const socket of sockets) socket.isBusy = true;
    const sentMs = this.#clock.monotonicMs();
    try {
      const answer = await make(this.#options.nodes[used] as PresenceClient);
      const version = "version" in answer && typeof answer.version === "number" ? answer.version : undefined;
      return { answer, call: { what, sentMs, endedMs: this.#clock.monotonicMs(), outcome: "ok", version, lease } };
    } catch (error) {
      if (!(error instanceof CallFailure)) throw error;
      const outcome = outcomeOf(error.code);
      if (outcome === "unknown" && this.#node === used) this.#node = (used + 1) % this.#options.nodes.length;
      return { call: { what, sentMs, endedMs: this.#clock.monotonicMs(), outcome, code: error.code, lease } };
    } finally {
      const nowMs = this.#clock.monotonicMs();
      for (const socket of sockets) Object.assign(socket, { isBusy: false, dueMs: nowMs + retryMs });
    }
  }

  #record(sockets: readonly Socket[], call: SessionCall): void {
    for (const { life } of sockets) life.calls.push(call);
  }

  /** After a call about a session that was answered. */
  #nextDueMs({ sentMs }: SessionCall, nowMs: number): number {
    const { timing, random } = this.#options;
    if (this.#lease !== undefined && sentMs < this.#verifyFromMs) return this.#soon(nowMs);
    return nowMs + (this.#lease === undefined ? timing.heartbeatMs : timing.lease.verifyMs) * random.between(0.8, 1);
  }
}

const reasons = { none: 0, "logged-out": 1, "connection-lost": 2, "server-drain": 3 } as const;
