import type {
  BatchGetUserDevicesRequest,
  RefreshSessionsRequest,
  RefreshSessionsResponse,
  RegisterSessionRequest,
  RegisterSessionsRequest,
  SessionRef,
  UnregisterSessionRequest,
  UnregisterSessionsRequest,
} from "@realchat/presence-proto/presence";
import { rpcCodes } from "@realchat/presence-rpc";
import type { Clock } from "@realchat/presence-runtime/clock";
import type { PresenceAccess, PresenceApi } from "../grpc/presence-channels.ts";
import { PresenceClientError } from "../presence-client-error.ts";
import { deviceKey } from "../sessions/session-ids.ts";

export type Call =
  | { readonly kind: "register"; readonly atMs: number; readonly request: RegisterSessionRequest }
  | { readonly kind: "refresh"; readonly atMs: number; readonly request: RefreshSessionsRequest }
  | { readonly kind: "unregister"; readonly atMs: number; readonly request: UnregisterSessionRequest };

/** Fails a call before or after it was carried out, as a lost request and a lost answer do. */
export type Fault = { readonly when: "before" | "after"; readonly error: PresenceClientError };

export const away = new PresenceClientError("UNAVAILABLE", "away");

/** Presence as the contract has it, without time and users, in this process; it fails and waits as a test tells it to. */
export class ScriptedPresence implements PresenceAccess {
  readonly calls: Call[] = [];
  /** Of those that live, by device. */
  readonly tokens = new Map<string, string>();
  intervalMs = 20_000;
  ttlMs = 60_000;
  /** Answers no questions about devices. */
  isBlind = false;
  /** Users of each such question. */
  readonly lookups: number[] = [];
  /** Each answer to one waits for it. */
  lookup: () => Promise<void> = async () => {};
  fault: (call: Call) => Fault | undefined = () => undefined;
  /** Whose heartbeats the store cannot answer; a caller that does not ask for `partial` is failed for them. */
  unanswerable: (session: SessionRef) => boolean = () => false;
  /** Whether it knows of `partial`. */
  isPartial = true;
  /** Whether it knows of RegisterSessions and UnregisterSessions. */
  isBatching: boolean;
  /** Registrations or ends in each call so far, and in those that it did not know. */
  readonly batches: number[] = [];
  readonly unknownBatches: number[] = [];
  /** Fails a call of many as a whole; `fault` fails one of them. */
  batchFault: (sessions: readonly { readonly userId: string }[]) => Fault | undefined = () => undefined;
  /** Each call waits for it before it is carried out. */
  arrival: (call: Call) => Promise<void> = async () => {};
  /** Each answer waits for it. */
  answer: (call: Call) => Promise<void> = async () => {};
  readonly #clock: Clock;
  /** Connections that ended or were replaced. */
  readonly #over = new Set<string>();
  /** The highest order of each device, and which gateway has it. */
  readonly #highest = new Map<string, number>();
  readonly #instances = new Map<string, string>();
  readonly #servingListeners = new Set<() => void>();

  constructor(clock: Clock, { isBatching = true }: { isBatching?: boolean } = {}) {
    this.#clock = clock;
    this.isBatching = isBatching;
  }

  readonly api = {
    registerSession: (request: RegisterSessionRequest) => {
      this.batches.push(1);
      return this.#registerOne(request);
    },
    registerSessions: async ({ sessions }: RegisterSessionsRequest) => {
      const results = await this.#carryOutMany(sessions, (request) => this.#registerOne(request));
      return { results: results.map(({ status, answer: session }) => ({ ...status, session })) };
    },
    refreshSessions: async (request: RefreshSessionsRequest) => {
      const lost = await this.#carryOut({ kind: "refresh", atMs: this.#now(), request }, () => this.#refresh(request));
      return { ...lost, heartbeatInterval: duration(this.intervalMs) };
    },
    batchGetUserDevices: async ({ userIds }: BatchGetUserDevicesRequest) => {
      if (this.isBlind) throw away;
      this.lookups.push(userIds.length);
      await this.lookup();
      return { users: userIds.map((userId) => ({ userId, devices: this.#devicesOf(userId) })) };
    },
    unregisterSession: (request: UnregisterSessionRequest) => {
      this.batches.push(1);
      return this.#unregisterOne(request);
    },
    unregisterSessions: async ({ sessions }: UnregisterSessionsRequest) => {
      const results = await this.#carryOutMany(sessions, (request) => this.#unregisterOne(request));
      return { results: results.map(({ status }) => status) };
    },
  } as unknown as PresenceApi;

  onServing(listener: () => void): () => void {
    this.#servingListeners.add(listener);
    return () => this.#servingListeners.delete(listener);
  }

  serveAgain(): void {
    this.fault = () => undefined;
    for (const listener of this.#servingListeners) listener();
  }

  /** Forgets all sessions, as after a loss of the store. */
  lose(): void {
    this.tokens.clear();
  }

  ofKind<Kind extends Call["kind"]>(kind: Kind): Extract<Call, { kind: Kind }>[] {
    return this.calls.filter((call): call is Extract<Call, { kind: Kind }> => call.kind === kind);
  }

  /** When each heartbeat of each session was sent, ms. */
  get beats(): { readonly atMs: number; readonly userId: string }[] {
    return this.ofKind("refresh").flatMap(({ atMs, request }) =>
      request.sessions.map(({ userId }) => ({ atMs, userId })),
    );
  }

  async #registerOne(request: RegisterSessionRequest) {
    const call: Call = { kind: "register", atMs: this.#now(), request };
    const sessionId = await this.#carryOut(call, () => this.#register(request));
    return { sessionId, version: 1, ttl: duration(this.ttlMs), heartbeatInterval: duration(this.intervalMs) };
  }

  async #unregisterOne(request: UnregisterSessionRequest) {
    await this.#carryOut({ kind: "unregister", atMs: this.#now(), request }, () => this.#unregister(request));
    return {};
  }

  /** Each for itself; the answer waits for all of them. */
  async #carryOutMany<Request extends { userId: string }, Answer>(
    requests: readonly Request[],
    perform: (request: Request) => Promise<Answer>,
  ) {
    if (!this.isBatching) {
      this.unknownBatches.push(requests.length);
      throw new PresenceClientError("UNIMPLEMENTED", "unknown method");
    }
    this.batches.push(requests.length);
    const fault = this.batchFault(requests);
    if (fault?.when === "before") throw fault.error;
    const outcomes = await Promise.allSettled(requests.map(perform));
    if (fault?.when === "after") throw fault.error;
    return outcomes.map((outcome) => {
      if (outcome.status === "fulfilled") return { status: { code: 0, message: "" }, answer: outcome.value };
      const { code, message } = outcome.reason as PresenceClientError;
      // An entry has no place for advice.
      return { status: { code: rpcCodes[code], message }, answer: undefined };
    });
  }

  async #carryOut<Result>(call: Call, perform: () => Result): Promise<Result> {
    this.calls.push(call);
    await this.arrival(call);
    const fault = this.fault(call);
    if (fault?.when === "before") throw fault.error;
    const result = perform();
    await this.answer(call);
    if (fault?.when === "after") throw fault.error;
    return result;
  }

  #register(request: RegisterSessionRequest): string {
    const { connectionId, previousSessionId } = request;
    const held = this.tokens.get(deviceKey(request));
    if (held !== undefined && connectionOf(held) === connectionId) return held;
    if (this.#over.has(connectionId)) throw new PresenceClientError("FAILED_PRECONDITION", "over");
    const highest = this.#highest.get(deviceKey(request)) ?? 0;
    const order = previousSessionId === "" ? this.#newOrder(request, highest) : orderOf(previousSessionId);
    if (highest > order) throw new PresenceClientError("FAILED_PRECONDITION", "superseded");
    if (held !== undefined) this.#over.add(connectionOf(held));
    const token = `${order}.${connectionId}`;
    this.tokens.set(deviceKey(request), token);
    this.#highest.set(deviceKey(request), order);
    this.#instances.set(token, request.instanceId);
    return token;
  }

  #newOrder({ age }: RegisterSessionRequest, highest: number): number {
    const nowUs = Math.floor(this.#now() * 1_000);
    if (age !== undefined) return nowUs - age.seconds * 1_000_000 - age.nanos / 1_000;
    return Math.max(highest + 1, nowUs);
  }

  #devicesOf(userId: string): { deviceId: string; instanceId: string }[] {
    const held = [...this.tokens].filter(([key]) => key.startsWith(`${userId}\0`));
    return held.map(([key, token]) => ({
      deviceId: key.slice(userId.length + 1),
      instanceId: this.#instances.get(token) ?? "",
    }));
  }

  #refresh({ sessions, partial }: RefreshSessionsRequest): Partial<RefreshSessionsResponse> {
    const unconfirmed = sessions.filter((ref) => this.unanswerable(ref));
    if (unconfirmed.length > 0 && !(this.isPartial && partial)) throw away;
    if (unconfirmed.length > 0 && unconfirmed.length === sessions.length) throw away;
    const answered = sessions.filter((ref) => !unconfirmed.includes(ref));
    const lost = answered.filter((ref) => this.tokens.get(deviceKey(ref)) !== ref.sessionId);
    return {
      missing: lost.filter((ref) => !this.tokens.has(deviceKey(ref))),
      superseded: lost.filter((ref) => this.tokens.has(deviceKey(ref))),
      ...(this.isPartial && { unconfirmed }),
    };
  }

  #unregister(request: UnregisterSessionRequest): void {
    if (this.tokens.get(deviceKey(request)) !== request.sessionId) return;
    this.tokens.delete(deviceKey(request));
    this.#over.add(connectionOf(request.sessionId));
  }

  #now(): number {
    return this.#clock.monotonicMs();
  }
}

function orderOf(token: string): number {
  return Number(token.slice(0, token.indexOf(".")));
}

function connectionOf(token: string): string {
  return token.slice(token.indexOf(".") + 1);
}

function duration(ms: number): { seconds: number; nanos: number } {
  return { seconds: Math.floor(ms / 1_000), nanos: (ms % 1_000) * 1_000_000 };
}
