import type { OperationMetrics } from "@realchat/presence-runtime";
import type { Activity } from "../domain/activity.ts";
import type { Attention } from "../domain/attention.ts";
import type { Closing, Refusal } from "../domain/block.ts";
import type { NewClaim } from "../domain/claims.ts";
import type { LeaseState } from "../domain/lease.ts";
import type { LeaseNotice } from "../domain/lease-notice.ts";
import type { LogEntry } from "../domain/log-entry.ts";
import type { BeginReason } from "../domain/recovery.ts";
import type { SessionRef } from "../domain/session.ts";
import type { StatusClaim, UserStatus } from "../domain/status.ts";
import type { DisconnectReason } from "../domain/transition.ts";

/**
 * The port to presence's state. One contract suite (store.contract.ts) says what every implementation promises.
 *
 * Every promise rejects with PresenceError UNAVAILABLE when the store cannot answer: never a guess (P5). An operation on
 * one user fails with DATA_LOSS when that user's record cannot be read, which concerns no other user. No operation is
 * repeated by the store after a lost reply.
 */
export interface PresenceStore
  extends SessionStore,
    StatusStore,
    SessionListing,
    GatewayLeases,
    ShardKeeping,
    RecordKeeping,
    TransitionLog,
    PublisherLeases {
  readonly kind: "memory" | "redis";
  readonly shardCount: number;

  /**
   * Connects and checks that the store is ours to use.
   * @throws StoreRefusal when it was written by another schema version or with another shard count
   */
  open(): Promise<void>;
  /** Lets go of the store; what is under way fails as UNAVAILABLE. */
  close(): Promise<void>;
  health(): StoreHealth;
  metrics(): StoreMetrics;
}

/** The store exists but must not be used by this process; the message says what to do. */
export class StoreRefusal extends Error {
  override readonly name = "StoreRefusal";
}

export interface StoreHealth {
  /** Whatever a caller asks would be answered. */
  readonly ready: boolean;
  /** Some of it would: there is a connection, and a shard that works. */
  readonly serves: boolean;
  /** What works, or what does not and what to do. */
  readonly detail: string;
  /** Why no new session is taken, while all else works; undefined when they are. */
  readonly full: string | undefined;
  /** That the store may drop what nobody ended; undefined: it does not. */
  readonly eviction: { readonly detail: string; readonly isAllowed: boolean } | undefined;
  /** What the store is set to do that makes a failure worse than it need be, one line each; and what it does not tell. */
  readonly settings: { readonly risks: readonly string[]; readonly unknown: string | undefined };
}

/** Metrics, read at scrape; counters only grow. */
export interface StoreMetrics {
  /** Commands or operations sent to the store, by kind, with those that failed. */
  readonly operations: Readonly<Record<string, OperationMetrics>>;
  /** Bounded places that fill up: queues, caches, buffers; `used` of `limit` now. */
  readonly bounds: Readonly<Record<string, { used: number; limit: number }>>;
  /** Times that something was met which another program wrote, or overwrote: users' records, entries of logs. */
  readonly unreadable: { readonly records: number; readonly entries: number };
  /**
   * Heartbeats that the store did not confirm at once, and that ticks carry: those delivered later, those lost; and the
   * ticks that did not advance a clock because of them.
   */
  readonly heartbeats: { readonly delivered: number; readonly lost: number; readonly withheld: number };
  /** Connections to the store that were lost, by the reason. */
  readonly connectionsLost: Readonly<Record<string, number>>;
  /** Shards whose last tick failed. */
  readonly failingShards: number;
  /** Times that a shard began anew by a tick of this node, by why. */
  readonly begins: Readonly<Partial<Record<BeginReason, number>>>;
}

/** A shard began anew: nobody can prove that its store lost nothing. */
export interface Begun {
  readonly shard: number;
  readonly reason: BeginReason;
  /** Its version. */
  readonly begin: number;
}

/** What another program wrote, or overwrote. */
export interface Unreadable {
  readonly key: string;
  /** Says what is wrong with it, and what that means. */
  readonly message: string;
  /** Of the change that met it, where that is recorded. */
  readonly traceparent?: string | undefined;
}

/** What calls need. */
export interface SessionStore {
  register(registration: Registration): Promise<RegisterResult>;
  unregister(ending: SessionEnding): Promise<UnregisterResult>;
  /** Ends what an operator closes, with cause FORCED, and blocks what is not to come back: see domain/block.ts. */
  closeSessions(closing: Closing): Promise<CloseResult>;
  /**
   * Extends the session's deadline to a TTL from now. Without session_id it also brings back what a caller without tokens
   * would never register again. Calls back once, perhaps before it returns.
   * @param reply one function for many heartbeats: `tag` says which is answered
   */
  refresh(session: Heartbeat, reply: RefreshReply, tag: number): void;
  /** @returns one view per id, in the order asked, duplicates kept */
  users(userIds: readonly string[]): Promise<UserView[]>;
}

export interface Registration {
  readonly userId: string;
  readonly deviceId: string;
  readonly instanceId: string;
  /** Empty for a legacy caller. */
  readonly connectionId: string;
  /** Empty unless the session comes back. Valid: see parseSessionId. */
  readonly previousSessionId: string;
  /** How long ago the client was last known to be there, integer ms; absent: it is there. */
  readonly ageMs?: number;
  /** The lease that the session is to be under; absent or empty: none. With one there is a connection_id. */
  readonly leaseId?: string;
  /** W3C trace context of who asks, if that is recorded: a transition passes it on. */
  readonly traceparent?: string | undefined;
  /** Since when nobody uses the device, wall clock, ms; absent: it does not say. Only where statuses are supported. */
  readonly idleSinceMs?: number | undefined;
}

export type RegisterResult =
  /** `version`: the user's, after this call. */
  | { readonly kind: "registered" | "repeated"; readonly sessionId: string; readonly version: number }
  | { readonly kind: "ended" | "superseded" | "too-many-devices" }
  | ClosedByOperator
  /** Of the lease: not there or lost, and said good-bye to. Nothing was changed. */
  | { readonly kind: "lease-missing" | "lease-closed" };

/** It is blocked. */
export type ClosedByOperator = { readonly kind: "closed" } & Refusal;

export type CloseResult =
  /** `sessions`: those that ended by this call. */
  | { readonly kind: "closed"; readonly sessions: readonly SessionRef[] }
  /** The shard holds `shardMaxBlocks` (see Rules): nothing was changed. */
  | { readonly kind: "too-many-blocks" };

export interface SessionEnding extends SessionRef {
  readonly reason: DisconnectReason;
  /** As of a Registration. */
  readonly traceparent?: string | undefined;
}

export interface Heartbeat extends SessionRef {
  /** Without session_id: the gateway that is taken for its sender where nothing else says it. */
  readonly instanceId?: string;
  /**
   * The lease under which the session is verified: it is moved there, and registered again when it is gone. "missing" also
   * when that lease is not open. Absent or empty: none. With one the session_id has a connection_id.
   */
  readonly leaseId?: string;
}

export type UnregisterResult = { readonly kind: "ended" | "grace" | "absent" | "fenced" | "contested" };

export type RefreshResult =
  | { readonly kind: "refreshed" }
  | { readonly kind: "missing" }
  | { readonly kind: "superseded" }
  | ClosedByOperator
  | { readonly kind: "failed"; readonly error: Error };

export type RefreshReply = (result: RefreshResult, tag: number) => void;

/** A user as seen at one moment. */
export interface UserView {
  readonly userId: string;
  /** Why the user's record cannot be read: then all else here says nothing, and the version is 0. */
  readonly unknown?: Error;
  readonly online: boolean;
  /**
   * Of the user's last transition. Of a user without record: a version of the shard that this node knew before it
   * asked, so that every later transition is higher.
   */
  readonly version: number;
  /** Wall clock, ms; 0 when unknown or online. */
  readonly lastSeenMs: number;
  readonly shard: number;
  /** Live ones only, none in grace, sorted by device id. */
  readonly devices: readonly DeviceView[];
  /** Absent: the plain one (see plainStatus). */
  readonly status?: UserStatus | undefined;
  /** Absent: nothing was ever said of it. */
  readonly attention?: Attention | undefined;
}

/** What people see of users besides online and offline: domain/claims.ts, domain/activity.ts. */
export interface StatusStore {
  /**
   * Whether claims and activities may be written, asked before each; a node of an earlier release cannot read them.
   * @returns what has to be different; undefined: they may
   */
  statusesMissing(): Promise<string | undefined>;
  /** @throws PresenceError UNAVAILABLE also for a user who looks offline while the shard recovers */
  setStatus(userId: string, claim: NewClaim): Promise<StatusResult>;
  /** @param setAtMs undefined: now @throws as setStatus */
  clearStatus(userId: string, claimId: string, setAtMs: number | undefined): Promise<StatusResult>;
  /** A heartbeat that says whether somebody uses the device. */
  setActivity(session: SessionRef, activity: Activity): Promise<Exclude<RefreshResult, { kind: "failed" }>>;
  /** @returns the claims by id, those included whose end no tick has met yet */
  claimsOf(userId: string): Promise<{ readonly claims: readonly StatusClaim[] } & StatusView>;
}

export interface StatusView {
  readonly version: number;
  readonly status: UserStatus;
}

export type StatusResult =
  /** Carried out, or nothing had to change. */
  | ({ readonly kind: "done" } & StatusView)
  /** Of a claim: see decideSetStatus. */
  | { readonly kind: "over" | "too-many" }
  | { readonly kind: "too-often"; readonly leftMs: number };

export interface DeviceView {
  readonly deviceId: string;
  readonly instanceId: string;
  readonly connectedAtMs: number;
}

/** What operators look at. */
export interface SessionListing {
  /** The live sessions of a user, also those under a lease that is lost or closed, by device_id. */
  sessionsOf(userId: string): Promise<SessionView[]>;
  /**
   * One step of a walk over the live sessions of a gateway: those that its leases name, then all records, for the others. A
   * session that comes or goes meanwhile may be missing, or come twice.
   * @param cursor of the step before; empty: from the beginning
   * @param count about how many are looked for
   * @returns `cursor`: empty at the end
   * @throws PresenceError INVALID_ARGUMENT for a cursor that is none
   */
  sessionsAt(
    instanceId: string,
    cursor: string,
    count: number,
  ): Promise<{ readonly sessions: SessionView[]; readonly cursor: string }>;
  /** Leases by id, those after the one named, at most `limit`. @throws PresenceError UNAVAILABLE if one shard did not answer */
  leasesAfter(leaseId: string, limit: number): Promise<LeaseView[]>;
}

export interface SessionView extends SessionRef {
  readonly instanceId: string;
  /** undefined: under none. */
  readonly leaseId: string | undefined;
  /** Wall clock; 0: not known. */
  readonly connectedAtMs: number;
}

/** A lease over all shards. */
export interface LeaseView {
  readonly leaseId: string;
  readonly instanceId: string;
  /** "closed" or "lost" if it is in some shard. */
  readonly state: LeaseState;
  /** For the first time, wall clock; 0: not known. */
  readonly openedAtMs: number;
  readonly sessions: number;
}

/**
 * Gateways' leases: one deadline for all sessions that a gateway process registered under it (domain/lease.ts). A lease is in
 * every shard; each call goes to all of them, whatever happens in one.
 */
export interface GatewayLeases {
  /** Opens it where it is missing or lost, and extends it where it is open. @throws PresenceError UNAVAILABLE if no shard answered */
  openLease(leaseId: string, instanceId: string): Promise<LeaseResult>;
  /** A heartbeat: extends it where it is open. @throws PresenceError UNAVAILABLE if no shard answered */
  keepLease(leaseId: string): Promise<LeaseResult>;
  /**
   * Its process says good-bye: its sessions go, with SERVER_DRAIN after the grace. One that is not there is none.
   * @throws PresenceError UNAVAILABLE if one shard did not answer: send it again
   */
  closeLease(leaseId: string, reason: DisconnectReason): Promise<void>;
}

export type LeaseResult =
  | {
      readonly kind: "kept";
      /** It is not open in some shard: open it again. */
      readonly missing: boolean;
      /** Some shard did not answer. */
      readonly partial: boolean;
      /** Of the shards that did: see sumOfBegins. */
      readonly begins: number;
    }
  | { readonly kind: "closed" }
  /** `why`: what has to be different. */
  | { readonly kind: "unsupported"; readonly why: string };

/** The clock of a shard and what falls due by it. */
export interface ShardKeeping {
  /** Advances the shard's clock, takes down sessions and ends claims that are due, at most `limit`. */
  tick(shard: number, limit: number): Promise<Tick>;
  /** Whether the shard began anew less than a TTL of its clock ago, as this node knows: who reads offline may be online. */
  isRecovering(shard: number): boolean;
  /**
   * The version at which the shard began with nothing, as this node knows: nothing is kept of before.
   * @returns 0: nobody saw that
   */
  dataSince(shard: number): number;
}

export interface Tick {
  /** Shard clock, ms. */
  readonly clockMs: number;
  /** What of `limit` was spent: due sessions, graces, leases and users with due claims dealt with; when it reaches the limit there may be more. */
  readonly expired: number;
  /** Of these, failed, as with a record that is malformed; they are tried again a TTL later. */
  readonly failed: number;
  /** How long the oldest deadline was overdue on arrival, ms of shard clock; 0 if none was. */
  readonly lagMs: number;
  /** Of the shard's last log entry, 0 if there never was one. */
  readonly lastVersion: number;
  /** Sessions live or in grace, and users online, after this call. */
  readonly sessions: number;
  readonly usersOnline: number;
  /** Of these sessions, those under a lease; and leases that are open, lost or closed. */
  readonly leased: number;
  readonly leases: number;
  /** Users, devices and connections that are blocked, or were until a moment ago. */
  readonly blocks: number;
  /** Users of whom something is claimed. */
  readonly claimed: number;
  /** Entries the log holds. */
  readonly logLength: number;
  /** The version at which the shard began anew; 0: it never did. */
  readonly begin: number;
  /** What is left of its recovery, ms of shard clock; 0: it does not recover. */
  readonly recoveringMs: number;
  /** Whether all who are online were said again since then. */
  readonly isRestated: boolean;
}

/** Records and deadlines, held against each other. */
export interface RecordKeeping {
  /**
   * One step of a walk over all records and deadlines: sessions without deadline get one, a TTL (in grace: the grace)
   * from now; deadlines without session are dropped; the number of users online is set right.
   * @param cursor of the step before; empty: from the beginning
   * @param shards whose sessions are looked at
   * @returns `cursor`: empty at the end; and what was mended
   */
  mend(cursor: string, shards: ReadonlySet<number>): Promise<{ readonly cursor: string } & Mended>;
  /**
   * One step of a walk over all records: of these shards, each user who is online with a version below begin is logged
   * as RESTATED and gets the version of that entry. Whoever was restated already is passed over, so a step may be
   * repeated, and a walk begun anew.
   * @param cursor of the step before; empty: from the beginning, as after a step that failed
   * @param duties by shard
   * @param rest waited for between the parts of a step: how many users it has restated so far
   */
  restate(
    cursor: string,
    duties: ReadonlyMap<number, RestateDuty>,
    rest?: (users: number) => Promise<void>,
  ): Promise<RestateStep>;
  /**
   * Logs that all who are online were restated, at the end of a walk that left nobody of the shard out.
   * @returns false when begin or the fencing number are no longer the shard's: then it does not
   */
  completeRestating(shard: number, duty: RestateDuty): Promise<boolean>;
  /**
   * Begins a shard anew, without recovery, whose log ran over before it was published: all who are online are to be
   * restated.
   * @returns the new begin; undefined when the fencing number is no longer the shard's
   */
  beginRestating(shard: number, fence: number): Promise<number | undefined>;
}

export interface Mended {
  /** Sessions that got a deadline. */
  readonly given: number;
  /** Deadlines dropped. */
  readonly dropped: number;
  /** Shards whose number of users online was set right. */
  readonly recounted: number;
}

/** What a shard is restated for: void as soon as it begins anew, or another node publishes it. */
export interface RestateDuty {
  readonly begin: number;
  /** See PublisherLease. */
  readonly fence: number;
}

export interface RestateStep {
  /** Empty at the end of the walk. */
  readonly cursor: string;
  /** Users who were. */
  readonly restated: number;
  /**
   * Shards of which users were left out, since the log is over half its cap, or begin or fencing number are no longer the
   * shard's: publish, learn of them, then repeat the step.
   */
  readonly undone: ReadonlySet<number>;
  /** Shards of which users were left out, since the store failed. */
  readonly failed: ReadonlySet<number>;
}

/** The log of a shard: its transitions, and marks between them. A position is the version of the last entry that a reader has seen. */
export interface TransitionLog {
  /** @returns the shard's last version, where a reader starts that wants only news */
  lastVersion(shard: number): Promise<number>;
  /**
   * Entries after a position, oldest first, at most `limit`.
   * @returns `gap`: entries after the position were trimmed away before they could be read
   */
  readLog(shard: number, after: number, limit: number): Promise<{ entries: LogEntry[]; gap: boolean }>;
  /**
   * Hears of new entries, in order, as long as the store is connected. `interrupted` is called when some may have been
   * missed, and once when listening starts: read on from the own position.
   */
  follow(shard: number, listener: LogListener): () => void;
  /** The users online, and those unknown, in pages; one may come twice, and one who changes meanwhile be missing. */
  scanOnline(shard: number): AsyncIterable<UserView[]>;
}

export interface LogListener {
  entry(entry: LogEntry): void;
  interrupted(): void;
  /**
   * A device of the user was registered, ended or lost, while another one keeps the user online: no entry, no version.
   * Best effort: one that is missed is not told later.
   */
  devicesChanged?(userId: string): void;
  /** For the process that holds the lease. Best effort, too; what may have been missed is told by `interrupted`. */
  leaseNotice?(notice: LeaseNotice): void;
}

/** Which node publishes a shard's log, and how far each of its publishers is. */
export interface PublisherLeases {
  /** Says that this node lives, for `ttlMs`. @returns how many nodes live */
  announceNode(nodeId: string, ttlMs: number): Promise<number>;
  /** Says that it is leaving. */
  withdrawNode(nodeId: string): Promise<void>;
  /** Takes or extends the lease; undefined when another node holds it. */
  claim(shard: number, nodeId: string, leaseMs: number): Promise<PublisherLease | undefined>;
  /** Gives the lease up at once, if it is still this node's. */
  release(shard: number, nodeId: string): Promise<void>;
  /**
   * Moves publishers' cursors forward, never backwards, and trims what all of them have passed and is older than a
   * minute; of a log that is fuller than a quarter of its cap, all that they have passed, until it is not.
   * @returns false when the fencing number is no longer the shard's: stop publishing
   */
  advance(shard: number, fence: number, cursors: Readonly<Record<string, number>>): Promise<boolean>;
}

export interface PublisherLease {
  /** Fencing number: grows each time that the lease changes hands. */
  readonly fence: number;
  /** At which the shard began anew, 0 if it never did. As long as the fencing number holds, only its holder changes it. */
  readonly begin: number;
  /** Version of the last entry that each publisher has sent, by its name; absent: none yet. */
  readonly cursors: Readonly<Record<string, number>>;
}
