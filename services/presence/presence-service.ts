import type { Clock } from "@realchat/presence-runtime";
import type { Refusal } from "./domain/block.ts";
import { unreachable } from "./domain/invariant.ts";
import type { Limits } from "./domain/limits.ts";
import { PresenceError } from "./domain/presence-error.ts";
import { parseSessionId, type SessionRef } from "./domain/session.ts";
import { shardOf } from "./domain/shard.ts";
import type { DisconnectReason } from "./domain/transition.ts";
import { checkAge, checkCount, checkId, checkOptionalId, checkSessionId } from "./request-checks.ts";
import { SessionControl } from "./session-control.ts";
import type {
  DeviceView,
  GatewayLeases,
  Heartbeat,
  LeaseResult,
  RefreshResult,
  Registration,
  SessionEnding,
  SessionListing,
  SessionStore,
  ShardKeeping,
  StatusStore,
  TransitionLog,
  UserView,
} from "./store/store.ts";
import { type StatusRules, UserStatuses } from "./user-status.ts";
import type { DeviceWatcher } from "./watch/device-watcher.ts";
import type { LeaseWatcher } from "./watch/lease-watcher.ts";
import type { WatchHub } from "./watch/watch-hub.ts";
import type { Watcher } from "./watch/watcher.ts";

/** How long a caller is advised to wait when this node is not ready yet, ms. */
const retryAfterMs = 500;
const snapshotPage = 500;

interface Registered {
  readonly sessionId: string;
  /** Of the user, after the call. */
  readonly version: number;
}

/** Of a lease that is open, as far as the shards answered. */
type KeptLease = Omit<Extract<LeaseResult, { kind: "kept" }>, "kind">;

/** The outcome of a batch of heartbeats: those that did not go through. */
interface LostSessions {
  readonly missing: SessionRef[];
  /** Those that an operator closed, too: callers that know no more close their sockets. */
  readonly superseded: SessionRef[];
  readonly closed: ClosedSession[];
}

interface ClosedSession {
  readonly session: SessionRef;
  readonly refusal: Refusal;
}

/** As LostSessions, and those that the store could not answer for: nothing is known of them. */
interface PartlyRefreshed extends LostSessions {
  readonly unconfirmed: SessionRef[];
}

export interface Watching {
  readonly watcher: Watcher;
  /** Whether a shard of these users lost its data less than a TTL ago: those who are not online may be. */
  isRecovering(): boolean;
  /** The users asked for, or when none was named those online and those unknown, in pages. */
  snapshot(): AsyncIterable<UserView[]>;
}

type ServedStore = SessionStore &
  StatusStore &
  SessionListing &
  GatewayLeases &
  TransitionLog &
  Pick<ShardKeeping, "isRecovering" | "dataSince"> & { readonly shardCount: number };

/**
 * What presence does, in its own terms: checks what callers send, asks the store, and says what to do when that failed.
 * All methods throw or reject with PresenceError.
 */
export class PresenceService {
  readonly #store: ServedStore;
  readonly #watches: WatchHub;
  readonly #limits: Limits;
  /** Whether this node hears of every change; a watch that starts earlier would miss some. */
  readonly #followsAllShards: () => boolean;
  readonly #leasesRefused: string | undefined;
  /** What operators do. */
  readonly control: SessionControl;
  /** What people see of users besides online and offline. */
  readonly statuses: UserStatuses;

  constructor(options: {
    store: ServedStore;
    watches: WatchHub;
    limits: Limits;
    followsAllShards: () => boolean;
    /** Why gateways get no leases of this node; absent: they do. */
    leasesRefused?: string | undefined;
    rules: StatusRules;
    clock: Pick<Clock, "nowUs">;
  }) {
    this.#store = options.store;
    this.#watches = options.watches;
    this.#limits = options.limits;
    this.#followsAllShards = options.followsAllShards;
    this.#leasesRefused = options.leasesRefused;
    this.control = new SessionControl(options.store, options.limits);
    const { store, limits, rules, clock } = options;
    this.statuses = new UserStatuses({ store, limits, rules, nowMs: () => Math.floor(clock.nowUs() / 1_000) });
  }

  /** @param stoodStillMs how long the call may have waited for this node; 0 for a moment */
  async register(registration: Registration, stoodStillMs = 0): Promise<Registered> {
    const { userId, deviceId, instanceId, connectionId, previousSessionId, ageMs = 0, leaseId = "" } = registration;
    checkId("user_id", userId, this.#limits);
    checkId("device_id", deviceId, this.#limits);
    checkId("instance_id", instanceId, this.#limits);
    checkOptionalId("connection_id", connectionId, this.#limits);
    checkSessionId("previous_session_id", previousSessionId, this.#limits);
    checkOptionalId("lease_id", leaseId, this.#limits);
    if (leaseId !== "" && connectionId === "") {
      throw new PresenceError(
        "INVALID_ARGUMENT",
        "lease_id is set and connection_id is empty: name the connection too",
      );
    }
    checkAge("age", ageMs);
    if (previousSessionId !== "" && parseSessionId(previousSessionId) === undefined) {
      throw new PresenceError(
        "INVALID_ARGUMENT",
        `previous_session_id "${previousSessionId}" is not a session_id that RegisterSession returned: leave it out`,
      );
    }
    // Without connection_id a retry looks like another socket: the last to register has the device, as ever.
    const countedMs = connectionId === "" ? 0 : ageMs + stoodStillMs;
    const { idleSinceMs } = registration;
    const spoken =
      idleSinceMs === undefined ? {} : { idleSinceMs: await this.statuses.supportedIdleSince(idleSinceMs) };
    const result = await this.#store.register({ ...registration, ageMs: countedMs, ...spoken });
    switch (result.kind) {
      case "registered":
      case "repeated":
        return { sessionId: result.sessionId, version: result.version };
      case "ended":
        throw new PresenceError(
          "FAILED_PRECONDITION",
          `connection ${connectionId} of ${nameOf(registration)} has ended: open a new connection with an id of its own`,
        );
      case "superseded":
        if (stoodStillMs > 0) throw new PresenceError("UNAVAILABLE", stoodStill(stoodStillMs));
        throw new PresenceError(
          "FAILED_PRECONDITION",
          `${nameOf(registration)} was registered by a newer connection: close this socket`,
        );
      case "too-many-devices":
        throw new PresenceError(
          "RESOURCE_EXHAUSTED",
          `user ${quote(userId)} has ${this.#limits.userMaxDevices} devices, limit ${this.#limits.userMaxDevices}: ` +
            "unregister one, and use a device_id that stays the same over reconnects",
        );
      case "lease-missing":
        throw new PresenceError(
          "NOT_FOUND",
          `lease ${quote(leaseId)} is not open for ${nameOf(registration)}: open it, then register again`,
        );
      case "lease-closed":
        throw leaseClosed(leaseId);
      case "closed":
        throw closedByOperator(registration, result);
      default:
        return unreachable(result);
    }
  }

  /** Registers many in this order, each for itself. Rejects only when there are too many. */
  async registerEach(
    registrations: readonly Registration[],
    stoodStillMs = 0,
  ): Promise<PromiseSettledResult<Registered>[]> {
    checkCount("sessions", registrations.length, this.#limits.batchMaxSessions);
    return Promise.allSettled(registrations.map((registration) => this.register(registration, stoodStillMs)));
  }

  /** Ending what is not there, or not the caller's, succeeds and changes nothing. */
  async unregister(ending: SessionEnding): Promise<void> {
    this.#checkSession(ending, "");
    await this.#store.unregister(ending);
  }

  /** Ends many in this order, each for itself. Rejects only when there are too many. */
  async unregisterEach(endings: readonly SessionEnding[]): Promise<PromiseSettledResult<void>[]> {
    checkCount("sessions", endings.length, this.#limits.batchMaxSessions);
    return Promise.allSettled(endings.map((ending) => this.unregister(ending)));
  }

  /** Opens a lease, or again what is missing or lost. */
  async openLease(leaseId: string, instanceId: string): Promise<KeptLease> {
    checkId("lease_id", leaseId, this.#limits);
    checkId("instance_id", instanceId, this.#limits);
    if (this.#leasesRefused !== undefined) throw new PresenceError("UNIMPLEMENTED", this.#leasesRefused);
    return keptLease(leaseId, await this.#store.openLease(leaseId, instanceId));
  }

  /** A lease's heartbeat. */
  async keepLease(leaseId: string): Promise<KeptLease> {
    checkId("lease_id", leaseId, this.#limits);
    return keptLease(leaseId, await this.#store.keepLease(leaseId));
  }

  /** Ends all sessions under a lease. To close what is not there succeeds. */
  async closeLease(leaseId: string, reason: DisconnectReason): Promise<void> {
    checkId("lease_id", leaseId, this.#limits);
    await this.#store.closeLease(leaseId, reason);
  }

  /** Extends one session. Answers without a promise when the store does. */
  refresh(session: Heartbeat): RefreshResult | Promise<RefreshResult> {
    this.#checkSession(session, "");
    let early: RefreshResult | undefined;
    let settle: ((result: RefreshResult) => void) | undefined;
    const reply = (result: RefreshResult) => {
      if (settle === undefined) early = result;
      else settle(result);
    };
    this.#store.refresh(session, reply, 0);
    return (
      early ??
      new Promise((resolve) => {
        settle = resolve;
      })
    );
  }

  /** Extends many. Rejects when the store could not answer for one of them: send all again. */
  async refreshMany(sessions: readonly Heartbeat[]): Promise<LostSessions> {
    const { failure, unconfirmed: _, ...lost } = await this.#refreshAll(sessions);
    if (failure !== undefined) throw failure;
    return lost;
  }

  /** Extends many, each for itself. Rejects when the store could answer for none of them. */
  async refreshEach(sessions: readonly Heartbeat[]): Promise<PartlyRefreshed> {
    const { failure, ...lost } = await this.#refreshAll(sessions);
    if (failure !== undefined && lost.unconfirmed.length === sessions.length) throw failure;
    return lost;
  }

  /** One view per id, in the order asked, duplicates kept. */
  async users(userIds: readonly string[]): Promise<UserView[]> {
    this.#checkUsers(userIds);
    return userIds.length === 0 ? [] : this.#store.users(userIds);
  }

  /** Whether the shard of one of these lost its data less than a TTL ago: those who are offline may be online. */
  isRecovering(views: readonly UserView[]): boolean {
    return views.some(({ shard }) => this.#store.isRecovering(shard));
  }

  /** @returns by shard of one of these that once began with nothing: the version at which that was */
  dataSince(views: readonly UserView[]): ReadonlyMap<number, number> {
    const since = new Map<number, number>();
    for (const { shard } of views) if (!since.has(shard)) since.set(shard, this.#store.dataSince(shard));
    for (const [shard, version] of since) if (version === 0) since.delete(shard);
    return since;
  }

  async devicesOf(userId: string): Promise<readonly DeviceView[]> {
    checkId("user_id", userId, this.#limits);
    const [view] = await this.#store.users([userId]);
    if (view === undefined) throw new Error(`the store answered nothing about ${quote(userId)}`);
    if (view.unknown !== undefined) throw view.unknown;
    return view.devices;
  }

  /** Starts to watch these users, or everyone when none is named; close the watcher when done. */
  watch(userIds: readonly string[]): Watching {
    this.#checkUsers(userIds);
    const watcher = this.#opened(() => this.#watches.open(userIds));
    const named = [...new Set(userIds)];
    const shards = new Set(named.length === 0 ? this.#allShards() : named.map((userId) => this.#shardOf(userId)));
    // The watcher hears of it a tick later, and a snapshot must not be complete without.
    const isRecovering = () => watcher.isRecovering || [...shards].some((shard) => this.#store.isRecovering(shard));
    return {
      watcher,
      isRecovering,
      snapshot: () => (named.length === 0 ? this.#everyoneOnline() : this.#pagesOf(named)),
    };
  }

  /** Starts to watch whose devices change; close the watcher when done. */
  watchDevices(): DeviceWatcher {
    return this.#opened(() => this.#watches.openDevices());
  }

  /** Starts to watch what becomes of sessions under a lease; close the watcher when done. */
  watchLease(leaseId: string): LeaseWatcher {
    checkId("lease_id", leaseId, this.#limits);
    return this.#opened(() => this.#watches.openLease(leaseId));
  }

  #opened<Opened>(open: () => Opened | undefined): Opened {
    if (!this.#followsAllShards()) {
      throw new PresenceError("UNAVAILABLE", "this node does not hear of all changes yet: try again", { retryAfterMs });
    }
    const watcher = open();
    if (watcher !== undefined) return watcher;
    throw new PresenceError(
      "RESOURCE_EXHAUSTED",
      `this node serves ${this.#watches.limit} watches, limit ${this.#watches.limit}: ` +
        "watch more users on one stream, or another node",
    );
  }

  async #refreshAll(
    sessions: readonly Heartbeat[],
  ): Promise<PartlyRefreshed & { readonly failure: Error | undefined }> {
    checkCount("sessions", sessions.length, this.#limits.batchMaxSessions);
    for (const [index, session] of sessions.entries()) {
      this.#checkSession(session, `sessions[${index}].`);
      this.#checkLease(session, `sessions[${index}].`);
    }
    const lost: PartlyRefreshed = { missing: [], superseded: [], closed: [], unconfirmed: [] };
    return await new Promise((resolve) => {
      let open = sessions.length;
      let failure: Error | undefined;
      const end = () => resolve({ ...lost, failure });
      const reply = (result: RefreshResult, tag: number) => {
        if (result.kind === "failed" && !isOfOneUser(result.error)) failure = result.error;
        if (result.kind !== "refreshed") note(lost, sessions[tag] as SessionRef, result);
        open--;
        if (open === 0) end();
      };
      for (const [tag, session] of sessions.entries()) this.#store.refresh(session, reply, tag);
      if (sessions.length === 0) end();
    });
  }

  async *#pagesOf(userIds: readonly string[]): AsyncIterable<UserView[]> {
    for (let start = 0; start < userIds.length; start += snapshotPage) {
      const views = await this.#store.users(userIds.slice(start, start + snapshotPage));
      // Nobody asks again after a snapshot: it has all who can be read, or there is none.
      const away = views.find(({ unknown }) => unknown !== undefined && !isOfOneUser(unknown));
      if (away !== undefined) throw away.unknown;
      yield views;
    }
  }

  async *#everyoneOnline(): AsyncIterable<UserView[]> {
    for (const shard of this.#allShards()) yield* this.#store.scanOnline(shard);
  }

  #allShards(): number[] {
    return Array.from({ length: this.#store.shardCount }, (_, shard) => shard);
  }

  #shardOf(userId: string): number {
    return shardOf(userId, this.#store.shardCount);
  }

  #checkSession(session: SessionRef, prefix: string): void {
    checkId(`${prefix}user_id`, session.userId, this.#limits);
    checkId(`${prefix}device_id`, session.deviceId, this.#limits);
    checkSessionId(`${prefix}session_id`, session.sessionId, this.#limits);
  }

  #checkLease({ sessionId, leaseId = "" }: Heartbeat, prefix: string): void {
    if (leaseId === "") return;
    checkId("lease_id", leaseId, this.#limits);
    if ((parseSessionId(sessionId)?.connectionId ?? "") !== "") return;
    throw new PresenceError(
      "INVALID_ARGUMENT",
      `${prefix}session_id "${sessionId}" is of no session with a connection_id: only such ones can be under a lease`,
    );
  }

  #checkUsers(userIds: readonly string[]): void {
    checkCount("user_ids", userIds.length, this.#limits.queryMaxUsers);
    for (const [index, userId] of userIds.entries()) checkId(`user_ids[${index}]`, userId, this.#limits);
  }
}

function note(lost: PartlyRefreshed, session: SessionRef, result: Exclude<RefreshResult, { kind: "refreshed" }>): void {
  switch (result.kind) {
    case "missing":
      lost.missing.push(session);
      return;
    case "closed":
      lost.closed.push({ session, refusal: result });
      lost.superseded.push(session);
      return;
    case "superseded":
      lost.superseded.push(session);
      return;
    case "failed":
      lost.unconfirmed.push(session);
      return;
    default:
      unreachable(result);
  }
}

/** Whether it says nothing of whether the store can answer for others. */
function isOfOneUser(error: Error): boolean {
  return error instanceof PresenceError && error.code === "DATA_LOSS";
}

/** The error that a heartbeat without success is answered with. */
export function refreshError(session: SessionRef, result: Exclude<RefreshResult, { kind: "refreshed" }>): Error {
  switch (result.kind) {
    case "missing":
      return new PresenceError(
        "NOT_FOUND",
        `the session of ${nameOf(session)} is gone: register it again, with previous_session_id`,
      );
    case "superseded":
      return new PresenceError(
        "FAILED_PRECONDITION",
        session.sessionId === ""
          ? `the session of ${nameOf(session)} was registered with a connection_id: refresh it with its session_id`
          : `${nameOf(session)} was registered by a newer connection: close this socket`,
      );
    case "closed":
      return closedByOperator(session, result);
    case "failed":
      return result.error;
    default:
      return unreachable(result);
  }
}

/**
 * The most that the call can have waited is too much to refuse it for good: the client may have come after whoever has
 * the device. Sent again, the call carries what its caller knows of its age; a caller whose client is gone sends nothing.
 */
function stoodStill(ms: number): string {
  return `this node stood still for ${ms} ms, and the call may have waited as long: send it again`;
}

function keptLease(leaseId: string, result: LeaseResult): KeptLease {
  switch (result.kind) {
    case "kept":
      return { missing: result.missing, partial: result.partial, begins: result.begins };
    case "closed":
      throw leaseClosed(leaseId);
    case "unsupported":
      throw new PresenceError("UNIMPLEMENTED", `no leases here: ${result.why}`);
    default:
      return unreachable(result);
  }
}

function leaseClosed(leaseId: string): PresenceError {
  return new PresenceError(
    "FAILED_PRECONDITION",
    `lease ${quote(leaseId)} was closed by its process: a new process opens a lease with an id of its own`,
  );
}

function closedByOperator(session: { userId: string; deviceId: string }, refusal: Refusal): PresenceError {
  const { reason, leftMs } = refusal;
  const until = leftMs === undefined ? "" : `, and may register again in ${Math.ceil(leftMs / 1_000)} s`;
  return new PresenceError(
    "FAILED_PRECONDITION",
    `${nameOf(session)} was closed by an operator (${reason})${until}: close this socket`,
    { refusal: { reason, leftMs } },
  );
}

function nameOf({ userId, deviceId }: { userId: string; deviceId: string }): string {
  return `user ${quote(userId)} device ${quote(deviceId)}`;
}

function quote(id: string): string {
  return JSON.stringify(id);
}
