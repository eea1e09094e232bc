import type {
  BatchGetUserDevicesRequest,
  CloseLeaseRequest,
  KeepLeaseRequest,
  LeaseNotice,
  OpenLeaseRequest,
  RefreshSessionsRequest,
  RefreshSessionsResponse,
  RegisterSessionRequest,
  RegisterSessionsRequest,
  SessionRef,
  SetActivityRequest,
  UnregisterSessionRequest,
  UnregisterSessionsRequest,
  WatchLeaseRequest,
} from "@realchat/presence-proto/presence";
import { rpcCodes } from "@realchat/presence-rpc";
import type { Clock } from "@realchat/presence-runtime/clock";
import type { PresenceAccess, PresenceApi } from "../grpc/presence-channels.ts";
import { PresenceClientError } from "../presence-client-error.ts";
import { deviceKey } from "../sessions/session-ids.ts";
import { wallMsOf } from "../wall-time.ts";

export type Call =
  | { readonly kind: "register"; readonly atMs: number; readonly request: RegisterSessionRequest }
  | { readonly kind: "refresh"; readonly atMs: number; readonly request: RefreshSessionsRequest }
  | { readonly kind: "activity"; readonly atMs: number; readonly request: SetActivityRequest }
  | { readonly kind: "unregister"; readonly atMs: number; readonly request: UnregisterSessionRequest }
  | { readonly kind: "open-lease"; readonly atMs: number; readonly request: OpenLeaseRequest }
  | { readonly kind: "keep-lease"; readonly atMs: number; readonly request: KeepLeaseRequest }
  | { readonly kind: "close-lease"; readonly atMs: number; readonly request: CloseLeaseRequest };

/** Fails a call before or after it was carried out, as a lost request and a lost answer do. */
export type Fault = { readonly when: "before" | "after"; readonly error: PresenceClientError };

export const away = new PresenceClientError("UNAVAILABLE", "away");

/** What presence knows of, by its release. */
interface Release {
  readonly isBatching: boolean;
  readonly hasLeases: boolean;
}

/** Presence as the contract has it, without time and users, in this process; it fails and waits as a test tells it to. */
export class ScriptedPresence implements PresenceAccess {
  readonly calls: Call[] = [];
  /** Of those that live, by device. */
  readonly tokens = new Map<string, string>();
  /** Whether it knows of SetActivity, and of `idle_since`. */
  hasStatuses = true;
  /** What sessions said, by token: since when nobody uses the device, wall clock, ms; 0: somebody does. */
  readonly activities = new Map<string, { readonly idleSinceMs: number; readonly sequence: number }>();
  /** How far its wall clock is ahead of its callers', ms. */
  aheadMs = 0;
  intervalMs = 20_000;
  ttlMs = 60_000;
  /** Whether it knows of leases. */
  hasLeases: boolean;
  leaseIntervalMs = 5_000;
  leaseTtlMs = 15_000;
  verifyIntervalMs = 300_000;
  begins = 1;
  /** Whether a shard cannot answer about leases. */
  isPartlyAway = false;
  /** Those that were opened, and how they are; a lost one comes back by OpenLease. */
  readonly leases = new Map<string, "open" | "closed">();
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
  /** Streams of notices that were opened. */
  readonly watches: { readonly leaseId: string; readonly notices: Notices }[] = [];
  #hadLeases = false;
  readonly #clock: Clock;
  /** Connections that ended or were replaced. */
  readonly #over = new Set<string>();
  /** The highest order of each device, and which gateway has it. */
  readonly #highest = new Map<string, number>();
  readonly #instances = new Map<string, string>();
  /** Of tokens, those under a lease. */
  readonly #leased = new Map<string, string>();
  readonly #servingListeners = new Set<() => void>();

  constructor(clock: Clock, { isBatching = true, hasLeases = false }: Partial<Release> = {}) {
    this.#clock = clock;
    this.hasLeases = hasLeases;
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
      return { ...lost, heartbeatInterval: this.#paceOf(request).heartbeatInterval };
    },
    setActivity: async (request: SetActivityRequest) => {
      const call: Call = { kind: "activity", atMs: this.#now(), request };
      await this.#carryOut(call, () => this.#setActivity(request));
      return { heartbeatInterval: duration(this.intervalMs) };
    },
    openLease: async (request: OpenLeaseRequest) => {
      if (!this.hasLeases) throw new PresenceClientError("UNIMPLEMENTED", "unknown method");
      await this.#carryOut({ kind: "open-lease", atMs: this.#now(), request }, () => {
        this.#refuseClosed(request.leaseId);
        this.leases.set(request.leaseId, "open");
        this.#hadLeases = true;
      });
      const verifyInterval = duration(this.verifyIntervalMs);
      return { ...this.#leaseAnswer(), ttl: duration(this.leaseTtlMs), verifyInterval };
    },
    keepLease: async (request: KeepLeaseRequest) => {
      if (!this.hasLeases && !this.#hadLeases) throw new PresenceClientError("UNIMPLEMENTED", "unknown method");
      await this.#carryOut({ kind: "keep-lease", atMs: this.#now(), request }, () =>
        this.#refuseClosed(request.leaseId),
      );
      return { ...this.#leaseAnswer(), missing: !this.leases.has(request.leaseId) };
    },
    watchLease: (request: WatchLeaseRequest, { signal }: { signal: AbortSignal }) => {
      const notices = new Notices();
      this.watches.push({ leaseId: request.leaseId, notices });
      signal.addEventListener("abort", () => notices.end());
      return notices;
    },
    closeLease: async (request: CloseLeaseRequest) => {
      await this.#carryOut({ kind: "close-lease", atMs: this.#now(), request }, () => this.closeLease(request.leaseId));
      return {};
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
    this.activities.clear();
    this.#leased.clear();
    this.leases.clear();
    this.begins++;
  }

  /** Its store came back with all sessions, and without what they said since it was saved. */
  loseActivities(): void {
    this.activities.clear();
    this.begins++;
  }

  /** A lease is lost, and its sessions are down. */
  loseLease(leaseId: string): void {
    this.leases.delete(leaseId);
    for (const [key, token] of this.#sessionsUnder(leaseId)) {
      this.tokens.delete(key);
      this.#leased.delete(token);
    }
  }

  closeLease(leaseId: string): void {
    for (const [, token] of this.#sessionsUnder(leaseId)) this.#over.add(connectionOf(token));
    this.loseLease(leaseId);
    this.leases.set(leaseId, "closed");
  }

  /** The lease that a device's session is under. */
  leaseOf(device: { readonly userId: string; readonly deviceId: string }): string | undefined {
    return this.#leased.get(this.tokens.get(deviceKey(device)) ?? "");
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
    return { sessionId, version: 1, ...this.#paceOf(request) };
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

  #paceOf({ leaseId }: { leaseId: string }) {
    if (leaseId === "") return { ttl: duration(this.ttlMs), heartbeatInterval: duration(this.intervalMs) };
    return { ttl: duration(3 * this.verifyIntervalMs), heartbeatInterval: duration(this.verifyIntervalMs) };
  }

  #leaseAnswer() {
    const { begins, isPartlyAway: partial } = this;
    return { heartbeatInterval: duration(this.leaseIntervalMs), begins, partial };
  }

  #sessionsUnder(leaseId: string): [string, string][] {
    return [...this.tokens].filter(([, token]) => this.#leased.get(token) === leaseId);
  }

  #refuseClosed(leaseId: string): void {
    if (this.leases.get(leaseId) === "closed") throw new PresenceClientError("FAILED_PRECONDITION", "lease closed");
  }

  #register(request: RegisterSessionRequest): string {
    const { connectionId, previousSessionId, leaseId } = request;
    this.#refuseClosed(leaseId);
    if (leaseId !== "" && !this.leases.has(leaseId)) throw new PresenceClientError("NOT_FOUND", "lease not open");
    const held = this.tokens.get(deviceKey(request));
    if (held !== undefined && connectionOf(held) === connectionId) {
      if (leaseId !== "") this.#leased.set(held, leaseId);
      return held;
    }
    if (this.#over.has(connectionId)) throw new PresenceClientError("FAILED_PRECONDITION", "over");
    const highest = this.#highest.get(deviceKey(request)) ?? 0;
    const order = previousSessionId === "" ? this.#newOrder(request, highest) : orderOf(previousSessionId);
    if (highest > order) throw new PresenceClientError("FAILED_PRECONDITION", "superseded");
    if (held !== undefined) this.#replaced({ ...request, sessionId: held });
    const token = `${order}.${connectionId}`;
    this.tokens.set(deviceKey(request), token);
    if (leaseId !== "") this.#leased.set(token, leaseId);
    if (request.idleSince !== undefined && this.hasStatuses) {
      this.#hear(token, { idleSinceMs: wallMsOf(request.idleSince), sequence: 0 });
    }
    this.#highest.set(deviceKey(request), order);
    this.#instances.set(token, request.instanceId);
    return token;
  }

  #replaced({ userId, deviceId, sessionId }: SessionRef): void {
    this.#over.add(connectionOf(sessionId));
    const leaseId = this.#leased.get(sessionId);
    for (const watch of this.watches) {
      if (watch.leaseId === leaseId) watch.notices.write({ superseded: [{ userId, deviceId, sessionId }] });
    }
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

  #refresh({ sessions, partial, leaseId }: RefreshSessionsRequest): Partial<RefreshSessionsResponse> {
    const unconfirmed = sessions.filter((ref) => this.unanswerable(ref));
    if (unconfirmed.length > 0 && !(this.isPartial && partial)) throw away;
    if (unconfirmed.length > 0 && unconfirmed.length === sessions.length) throw away;
    const answered = sessions.filter((ref) => !unconfirmed.includes(ref));
    if (leaseId !== "" && this.leases.get(leaseId) !== "open") return { missing: [...answered], superseded: [] };
    if (leaseId !== "") for (const ref of answered) this.#restore(ref, leaseId);
    const lost = answered.filter((ref) => this.tokens.get(deviceKey(ref)) !== ref.sessionId);
    return {
      missing: lost.filter((ref) => !this.tokens.has(deviceKey(ref))),
      superseded: lost.filter((ref) => this.tokens.has(deviceKey(ref))),
      ...(this.isPartial && { unconfirmed }),
    };
  }

  /** What is gone is registered again, unless it has ended or somebody came after it. */
  #restore(ref: SessionRef, leaseId: string): void {
    const { sessionId } = ref;
    const isOver =
      this.#over.has(connectionOf(sessionId)) || (this.#highest.get(deviceKey(ref)) ?? 0) > orderOf(sessionId);
    if (!this.tokens.has(deviceKey(ref)) && !isOver) this.tokens.set(deviceKey(ref), sessionId);
    if (this.tokens.get(deviceKey(ref)) === sessionId) this.#leased.set(sessionId, leaseId);
  }

  #setActivity(request: SetActivityRequest): void {
    if (!this.hasStatuses) throw new PresenceClientError("UNIMPLEMENTED", "unknown method");
    const token = this.tokens.get(deviceKey(request));
    if (token === undefined) throw new PresenceClientError("NOT_FOUND", "gone");
    if (token !== request.sessionId) throw new PresenceClientError("FAILED_PRECONDITION", "superseded");
    const before = this.activities.get(token);
    if (before !== undefined && request.sequence <= before.sequence) return;
    const activity = { idleSinceMs: wallMsOf(request.idleSince), sequence: request.sequence };
    if (!this.#isIdleTooShortly(activity.idleSinceMs)) this.#hear(token, activity);
  }

  #hear(token: string, activity: { idleSinceMs: number; sequence: number }): void {
    const { idleSinceMs, sequence } = activity;
    this.activities.set(token, this.#isIdleTooShortly(idleSinceMs) ? { idleSinceMs: 0, sequence } : activity);
  }

  #isIdleTooShortly(idleSinceMs: number): boolean {
    return idleSinceMs > 0 && idleSinceMs + 60_000 > this.#clock.nowUs() / 1_000 + this.aheadMs;
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

const nothing: LeaseNotice = { superseded: [], closed: [], closeReason: "", verify: false, blockedFor: undefined };

/** A stream of notices, as its server writes it. */
class Notices {
  #isOpen = true;
  readonly #written: LeaseNotice[] = [];
  #wake = () => {};

  write(notice: Partial<LeaseNotice>): void {
    this.#written.push({ ...nothing, ...notice });
    this.#wake();
  }

  end(): void {
    this.#isOpen = false;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<LeaseNotice> {
    while (this.#isOpen || this.#written.length > 0) {
      const notice = this.#written.shift();
      if (notice !== undefined) yield notice;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
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
