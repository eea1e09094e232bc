import {
  type PresenceAccess,
  type PresenceApi,
  PresenceClientError,
  type SessionHandle,
  SessionKeeper,
} from "@realchat/presence-client";
import { grpcErrorCodeOf } from "@realchat/presence-grpc";
import type { presence } from "@realchat/presence-proto";
import { type Clock, systemClock } from "@realchat/presence-runtime/clock";
import type { LeaseCall, LeaseLife, LeaseOutcome } from "../history/lease-life.ts";
import type { SessionCall, SessionEnd, SessionLife } from "../history/session-life.ts";
import type { Gateway } from "./gateway.ts";
import { leaseOutcomeOf, outcomeOf } from "./outcome.ts";
import { StoppableClock } from "./stoppable-clock.ts";

interface SdkGatewayOptions {
  readonly name: string;
  /** Whether it keeps its sessions by a lease. */
  readonly isLeased: boolean;
  /** To all nodes, over this gateway's own links. */
  readonly channels: PresenceAccess;
  /** Every session that it ever opens is added here. */
  readonly lives: SessionLife[];
  readonly clock?: Clock;
}

/** A gateway without sockets that keeps its sessions by the SDK, which decides what to tell presence, and when. */
export class SdkGateway implements Gateway {
  readonly name: string;
  readonly kind = "token";
  readonly #options: SdkGatewayOptions;
  readonly #clock: StoppableClock;
  readonly #handles = new Map<SessionLife, SessionHandle>();
  #process: SdkProcess;
  #isStopped = false;
  #opened = 0;

  constructor(options: SdkGatewayOptions) {
    this.name = options.name;
    this.#options = options;
    this.#clock = new StoppableClock(options.clock ?? systemClock);
    this.#process = this.#begin();
  }

  get isUp(): boolean {
    return !this.#isStopped;
  }

  open(userId: string, deviceId: string): SessionLife {
    const id = `${this.name}-${++this.#opened}`;
    const life: SessionLife = { id, userId, deviceId, kind: this.kind, gateway: this.name, calls: [] };
    this.#options.lives.push(life);
    const handle = this.#process.open(life);
    this.#handles.set(life, handle);
    const over = () => {
      life.releasedMs ??= this.#clock.monotonicMs();
      this.#handles.delete(life);
    };
    handle.onSuperseded(over);
    handle.onRefused(over);
    return life;
  }

  isRegistered(life: SessionLife): boolean {
    return this.#handles.get(life)?.state === "online";
  }

  close(life: SessionLife, reason: SessionEnd["reason"], isLate: boolean): void {
    const handle = this.#handles.get(life);
    if (handle === undefined) return;
    this.#release(life, reason, isLate);
    void handle.close(reason === "none" ? undefined : reason);
  }

  /** The SDK has no way to forget a socket. */
  drop(life: SessionLife): void {
    this.close(life, "connection-lost", false);
  }

  crash(): void {
    this.#isStopped = true;
    const nowMs = this.#clock.monotonicMs();
    for (const life of this.#handles.keys()) life.releasedMs ??= nowMs;
    this.#handles.clear();
    this.#process.kill();
  }

  freeze(): void {
    this.#isStopped = true;
    this.#clock.stop();
  }

  drain(): void {
    this.#isStopped = true;
    for (const life of this.#handles.keys()) this.#release(life, "server-drain", false);
    this.#process.drain();
  }

  resume(): void {
    this.#isStopped = false;
    this.#clock.goOn();
    if (this.#process.isOver) this.#process = this.#begin();
  }

  stop(): void {
    this.#clock.goOn();
    this.crash();
  }

  #release(life: SessionLife, reason: SessionEnd["reason"], isLate: boolean): void {
    life.releasedMs = this.#clock.monotonicMs();
    this.#handles.delete(life);
    life.end = { sentMs: life.releasedMs, reason, isLate };
  }

  #begin(): SdkProcess {
    return new SdkProcess(this.#options, this.#clock);
  }
}

/** From its start to its end or crash. */
class SdkProcess {
  readonly #keeper: SessionKeeper;
  readonly #clock: StoppableClock;
  readonly #byConnection = new Map<string, SessionLife>();
  readonly #bySession = new Map<string, SessionLife>();
  readonly #leases = new Map<string, LeaseLife>();
  readonly #name: string;
  #state: "up" | "draining" | "killed" = "up";

  constructor({ name, channels, isLeased }: SdkGatewayOptions, clock: StoppableClock) {
    this.#clock = clock;
    this.#name = name;
    this.#keeper = new SessionKeeper({
      channels: { api: this.#noted(channels.api), onServing: (listener) => channels.onServing(listener) },
      instanceId: name,
      leases: isLeased,
      clock,
      // Sessions live shorter here than where its default fits.
      limits: { callTimeoutMs: 1_500 },
    });
  }

  get isOver(): boolean {
    return this.#state !== "up";
  }

  open(life: SessionLife): SessionHandle {
    const { userId, deviceId, id } = life;
    this.#byConnection.set(id, life);
    const handle = this.#keeper.open({ userId, deviceId, connectionId: id });
    handle.untilOnline().catch(() => {});
    return handle;
  }

  /** From now on no call leaves it, and no answer is heard. */
  kill(): void {
    this.#state = "killed";
    this.#releaseLeases();
    void this.#keeper.drain({ deadlineMs: 0 });
  }

  /** In good order. */
  drain(): void {
    this.#state = "draining";
    this.#releaseLeases();
    void this.#keeper.drain();
  }

  #releaseLeases(keptId?: string): void {
    for (const lease of this.#leases.values()) {
      if (lease.id !== keptId) lease.releasedMs ??= this.#clock.monotonicMs();
    }
  }

  /** The same calls, written down. */
  #noted(api: PresenceApi): PresenceApi {
    return {
      ...api,
      registerSession: async (request, options) => {
        const note = this.#registering(request);
        const answer = await this.#call(() => api.registerSession(request, options), note.failed);
        note.registered(answer);
        return answer;
      },
      registerSessions: async (request, options) => {
        const notes = (request.sessions ?? []).map((session) => this.#registering(session));
        const failed = (error: PresenceClientError) => {
          for (const note of notes) note.failed(error);
        };
        const answer = await this.#call(() => api.registerSessions(request, options), failed);
        for (const [place, { code, message, session }] of answer.results.entries()) {
          if (session === undefined) notes[place]?.failed(failureOf(code, message));
          else notes[place]?.registered(session);
        }
        return answer;
      },
      refreshSessions: async (request, options) => {
        const refs = request.sessions ?? [];
        const lease = this.#leaseOf(request.leaseId);
        const notes = refs.map(({ sessionId = "" }) => this.#noter("refresh", this.#bySession.get(sessionId), lease));
        const answer = await this.#call(
          () => api.refreshSessions(request, options),
          (error) => {
            for (const note of notes) note.failed(error);
          },
        );
        const has = (some: readonly { readonly sessionId: string }[], sessionId: string) =>
          some.some((one) => one.sessionId === sessionId);
        for (const [index, { sessionId = "" }] of refs.entries()) {
          const { missing, superseded, unconfirmed } = answer;
          const refusal = has(missing, sessionId) ? "missing" : has(superseded, sessionId) ? "superseded" : undefined;
          notes[index]?.answered(refusal ?? (has(unconfirmed, sessionId) ? "unknown" : "ok"));
        }
        return answer;
      },
      unregisterSession: async (request, options) => {
        const note = this.#unregistering(request.sessionId);
        const answer = await this.#call(() => api.unregisterSession(request, options), note.failed);
        note.unregistered();
        return answer;
      },
      unregisterSessions: async (request, options) => {
        const notes = (request.sessions ?? []).map(({ sessionId }) => this.#unregistering(sessionId));
        const failed = (error: PresenceClientError) => {
          for (const note of notes) note.failed(error);
        };
        const answer = await this.#call(() => api.unregisterSessions(request, options), failed);
        for (const [place, { code, message }] of answer.results.entries()) {
          if (code !== 0) notes[place]?.failed(failureOf(code, message));
          else notes[place]?.unregistered();
        }
        return answer;
      },
      openLease: (request, options) => {
        // It has one at a time.
        this.#releaseLeases(request.leaseId);
        return this.#leaseCall("open", request.leaseId, () => api.openLease(request, options));
      },
      keepLease: (request, options) => this.#leaseCall("keep", request.leaseId, () => api.keepLease(request, options)),
      closeLease: async (request, options) => {
        const answer = await this.#leaseCall("close", request.leaseId, () => api.closeLease(request, options));
        this.#closed(this.#leaseOf(request.leaseId));
        return answer;
      },
      watchLease: (request, options) => this.#noticed(api.watchLease(request, options), request.leaseId),
    };
  }

  async #leaseCall<Answer extends Parameters<typeof leaseOutcomeOf>[0]>(
    what: LeaseCall["what"],
    leaseId: string | undefined,
    make: () => Promise<Answer>,
  ): Promise<Answer> {
    const sentMs = this.#clock.monotonicMs();
    const note = (outcome: LeaseOutcome, code?: string) => {
      const call = { what, sentMs, endedMs: this.#clock.monotonicMs(), outcome, ...(code !== undefined && { code }) };
      this.#leaseOf(leaseId)?.calls.push(call);
    };
    const answer = await this.#call(make, ({ code }) => note("unknown", code));
    note(leaseOutcomeOf(answer));
    return answer;
  }

  /** Its sessions ended with it. */
  #closed(lease: LeaseLife | undefined): void {
    for (const { end, calls } of this.#byConnection.values()) {
      const last = calls.findLast(({ what, outcome }) => what !== "unregister" && outcome === "ok");
      if (last?.lease === lease && end?.reason === "server-drain") end.confirmedMs ??= this.#clock.monotonicMs();
    }
  }

  /** The same notices, written down. What comes while it stands still is heard afterwards. */
  async *#noticed(
    notices: AsyncIterable<presence.LeaseNotice>,
    leaseId: string | undefined,
  ): AsyncGenerator<presence.LeaseNotice> {
    for await (const notice of notices) {
      await this.#clock.untilRunning();
      if (this.#isKilled()) return;
      for (const { sessionId } of notice.superseded) {
        this.#noter("notice", this.#bySession.get(sessionId), this.#leaseOf(leaseId)).answered("superseded");
      }
      yield notice;
    }
  }

  /** Of this process; undefined without an id. */
  #leaseOf(id = ""): LeaseLife | undefined {
    if (id === "") return undefined;
    const lease = this.#leases.get(id) ?? { id, gateway: this.#name, calls: [] };
    this.#leases.set(id, lease);
    return lease;
  }

  #registering({ connectionId = "", leaseId }: { connectionId?: string | undefined; leaseId?: string | undefined }) {
    const life = this.#byConnection.get(connectionId);
    const { answered, failed } = this.#noter("register", life, this.#leaseOf(leaseId));
    const registered = ({ sessionId, version }: { sessionId: string; version: number }) => {
      if (life !== undefined) this.#bySession.set(sessionId, life);
      answered("ok", version);
    };
    return { registered, failed };
  }

  #unregistering(sessionId = "") {
    const life = this.#bySession.get(sessionId);
    const { answered, failed } = this.#noter("unregister", life);
    const unregistered = () => {
      answered("ok");
      if (life?.end !== undefined) life.end.confirmedMs ??= this.#clock.monotonicMs();
    };
    return { unregistered, failed };
  }

  #noter(what: SessionCall["what"], life: SessionLife | undefined, lease?: LeaseLife) {
    const sentMs = this.#clock.monotonicMs();
    const note = (rest: Pick<SessionCall, "outcome" | "code" | "version">) =>
      void life?.calls.push({ what, sentMs, endedMs: this.#clock.monotonicMs(), ...rest, ...(lease && { lease }) });
    return {
      answered: (outcome: SessionCall["outcome"], version?: number) => note({ outcome, version }),
      failed: (error: PresenceClientError) => note({ outcome: outcomeOf(error.code), code: error.code }),
    };
  }

  #isKilled(): boolean {
    return this.#state === "killed";
  }

  async #call<Answer>(make: () => Promise<Answer>, failed: (error: PresenceClientError) => void): Promise<Answer> {
    const gone = new PresenceClientError("UNAVAILABLE", "this process is gone");
    if (this.#isKilled()) throw gone;
    const answering = make();
    const [outcome] = await Promise.allSettled([answering]);
    await this.#clock.untilRunning();
    const failure = this.#isKilled() ? gone : outcome.status === "rejected" ? outcome.reason : undefined;
    if (failure === undefined) return answering;
    failed(failure);
    throw failure;
  }
}

/** Of one session among many. */
function failureOf(code: number, message: string): PresenceClientError {
  return new PresenceClientError(grpcErrorCodeOf(code), message);
}
