import { closedMemoryMs } from "../../../domain/block.ts";
import type { Rules } from "../../../domain/rules.ts";
import type { DisconnectReason, EndReason, TransitionCause } from "../../../domain/transition.ts";
import type { RefreshResult, RegisterResult, StatusResult, UnregisterResult } from "../../store.ts";
import {
  type Claims,
  claim,
  type EndOfClaim,
  endClaims,
  inWords,
  type ModelStatus,
  type NewClaim,
  newClaims,
  statusOf,
  type UserClaims,
  unclaim,
} from "./claims.ts";
import { closeLease, keepLease, type LeaseAnswer, type Leases, type ModelLease, openLease } from "./leases.ts";
import {
  isCurrent,
  isNewer,
  isSame,
  type ModelActivity,
  type ModelSession,
  type ModelToken,
  tokenOf,
  type Users,
} from "./sessions.ts";

/** Of orders; more than there are registrations. */
const age = 1_000_000;
/** Below all that came ages ago. */
const heartbeatOrder = -1_000_000_000_000;
/** Of a session whose gateway a store may know or not. */
export const anyInstance = "any";

/**
 * What a store should do, said once more in the simplest way: a list of all sessions of a device, looked through each
 * time. It shares no decision with the stores that it judges. Orders are counted 1, 2, 3; time is the shard's clock.
 */
export class PresenceModel {
  readonly #rules: Rules;
  #users: Users = new Map();
  #leases: Leases = new Map();
  #blocks: Blocks = new Map();
  #claims: Claims = new Map();
  readonly #transitions: ModelTransition[] = [];
  #nowMs = 0;
  /** Time of day, which goes on while nobody listens. */
  #dayMs = 0;
  #registrations = 0;
  #copy: Copy = { users: new Map(), leases: new Map(), blocks: new Map(), claims: new Map(), told: 0 };
  /** Of the last begin; undefined: it never lost anything. */
  #begunAtMs: number | undefined;
  /** Users with a transition since then. */
  readonly #toldSinceBegin = new Set<string>();
  /** Transitions and begins. */
  #told = 0;

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Time of day, which goes on while nobody listens. */
  get dayMs(): number {
    return this.#dayMs;
  }

  /** For a TTL after it began anew: who is not there may be there. */
  get isRecovering(): boolean {
    return this.#begunAtMs !== undefined && this.#nowMs < this.#begunAtMs + this.#rules.ttlMs;
  }

  /** All transitions so far. */
  get transitions(): readonly ModelTransition[] {
    return this.#transitions;
  }

  register(call: {
    userId: string;
    deviceId: string;
    instanceId: string;
    connectionId: string;
    previous: ModelToken | undefined;
    ages: number;
    leaseId: string;
    activity: ModelActivity | undefined;
  }): { kind: RegisterResult["kind"]; token?: ModelToken } {
    const { userId, deviceId, instanceId, connectionId, previous, ages, leaseId, activity } = call;
    if (leaseId !== "" && !this.#isOpen(leaseId)) {
      return { kind: this.#leases.get(leaseId)?.state === "closed" ? "lease-closed" : "lease-missing" };
    }
    if (this.#isBlocked(userId, deviceId, connectionId)) return { kind: "closed" };
    const sessions = this.#sessions(userId, deviceId);
    const current = sessions.find(isCurrent);
    // Of several sessions of one connection the newest speaks.
    const known = connectionId === "" ? undefined : sessions.find((session) => session.connectionId === connectionId);
    if (known !== undefined) {
      if (isCurrent(known)) {
        if (known.state === "grace") return { kind: "ended" };
        this.#extend(known, leaseId);
        return { kind: "repeated", token: tokenOf(known) };
      }
      if (known.state === "ended") return { kind: "ended" };
      if (known.state === "replaced") return { kind: "superseded" };
    }
    // Still known, it can only have expired.
    const order = previous?.order ?? known?.order ?? this.#registrations + 1 - ages * age;
    const token = { order, connectionId };
    if (sessions.some((session) => isNewer(session, token))) return { kind: "superseded" };
    if (!this.#makeRoom(userId, deviceId)) return { kind: "too-many-devices" };

    this.#registrations += 1;
    const isUnclear =
      current !== undefined ||
      this.#isUnproven ||
      sessions.some(({ endedAtMs }) => endedAtMs + this.#rules.memoryMs > this.#nowMs);
    this.#begin(userId, deviceId, {
      order,
      connectionId,
      instanceId,
      leaseId,
      activity: activity?.idle === "short" ? { ...activity, idle: "used" } : activity,
      contestedUntilMs: connectionId === "" && isUnclear ? this.#nowMs + this.#rules.memoryMs : 0,
    });
    return { kind: "registered", token };
  }

  unregister(call: {
    userId: string;
    deviceId: string;
    token: ModelToken | undefined;
    reason: EndReason;
  }): UnregisterResult["kind"] {
    const { userId, deviceId, token, reason } = call;
    const session = this.#sessions(userId, deviceId).find(isCurrent);
    if (session === undefined) return "absent";
    if (token === undefined) {
      if (session.connectionId !== "") return "fenced";
      if (session.contestedUntilMs > this.#nowMs || this.#isUnproven) return "contested";
    } else if (!isSame(session, token)) {
      return "fenced";
    }
    const isLost = reason === "CONNECTION_LOST" || reason === "SERVER_DRAIN";
    if (isLost && session.state === "grace") return "absent";
    const isKept = this.isRecovering && this.#isLast(userId, session);
    if (isKept && session.state === "grace") {
      session.deadlineMs = Math.max(session.deadlineMs, this.#recoveredAtMs);
      return "grace";
    }
    if (isKept || (isLost && this.#rules.graceMs > 0)) {
      session.state = "grace";
      session.leaseId = "";
      session.deadlineMs = Math.min(session.deadlineMs, this.#nowMs + (isLost ? this.#rules.graceMs : 0));
      if (isKept) session.deadlineMs = Math.max(session.deadlineMs, this.#recoveredAtMs);
      return "grace";
    }
    this.#end(userId, deviceId, session, "ended", isLost ? "CONNECTION_LOST" : causes[reason]);
    return "ended";
  }

  refresh(call: {
    userId: string;
    deviceId: string;
    token: ModelToken | undefined;
    leaseId: string;
  }): RefreshResult["kind"] {
    const { userId, deviceId, token, leaseId } = call;
    if (leaseId !== "" && !this.#isOpen(leaseId)) return "missing";
    const sessions = this.#sessions(userId, deviceId);
    const current = sessions.find(isCurrent);
    const live = current?.state === "live" ? current : undefined;
    if (token !== undefined) {
      if (live !== undefined && isSame(live, token)) {
        this.#extend(live, leaseId);
        return "refreshed";
      }
      if (this.#isBlocked(userId, deviceId, token.connectionId)) return "closed";
      if (leaseId !== "") return this.#restore({ userId, deviceId, token, leaseId });
      return sessions.some((session) => isNewer(session, token)) ? "superseded" : "missing";
    }
    if (live !== undefined) {
      if (live.connectionId !== "") return "superseded";
      this.#extend(live, "");
      return "refreshed";
    }
    const last = sessions[0];
    const isGone = last !== undefined && !this.#mayReturn(last);
    if (isGone && !isCurrent(last)) last.endedAtMs = this.#nowMs;
    if (this.#isBlocked(userId, deviceId, "")) return "closed";
    const unknown = { order: heartbeatOrder, connectionId: "", instanceId: anyInstance, leaseId: "" };
    if (isGone) return "missing";
    if (!this.#makeRoom(userId, deviceId)) return "missing";
    const returning = last?.connectionId === "" ? last : unknown;
    const contestedUntilMs = this.#nowMs + this.#rules.memoryMs;
    this.#begin(userId, deviceId, { ...returning, contestedUntilMs, activity: undefined });
    return "refreshed";
  }

  /** @returns the sessions that ended */
  close(call: Closing): { deviceId: string; token: ModelToken }[] {
    const { userId, deviceId, token, blockMs } = call;
    const found = this.#current()
      .filter((placed) => placed.userId === userId && (deviceId === undefined || placed.deviceId === deviceId))
      .filter(({ session }) => token === undefined || isSame(session, token))
      .map(({ deviceId, session }) => ({ deviceId, token: tokenOf(session) }))
      .sort((a, b) => (a.deviceId < b.deviceId ? -1 : 1));
    for (const { deviceId, token } of found) this.unregister({ userId, deviceId, token, reason: "FORCED" });
    if (blockMs === undefined) {
      const untilMs = this.#nowMs + closedMemoryMs(this.#rules);
      for (const { deviceId, token } of found) {
        if (token.connectionId !== "") this.#blocks.set(named(userId, deviceId, token.connectionId), untilMs);
      }
    } else if (token === undefined) {
      this.#blocks.set(named(userId, deviceId), this.#nowMs + blockMs);
    } else {
      for (const { deviceId } of found) this.#blocks.set(named(userId, deviceId), this.#nowMs + blockMs);
    }
    return found;
  }

  #isBlocked(userId: string, deviceId: string, connectionId: string): boolean {
    const names = [named(userId), named(userId, deviceId), named(userId, deviceId, connectionId)];
    return names.some((name) => (this.#blocks.get(name) ?? 0) > this.#nowMs);
  }

  openLease(leaseId: string, instanceId: string): LeaseAnswer {
    return openLease(this.#leases, leaseId, instanceId, this.#nowMs, this.#rules);
  }

  keepLease(leaseId: string): LeaseAnswer {
    return keepLease(this.#leases, leaseId, this.#nowMs, this.#rules);
  }

  closeLease(leaseId: string, reason: DisconnectReason): void {
    closeLease(this.#leases, leaseId, reason, this.#nowMs, this.#rules);
  }

  copy(): void {
    const [users, leases] = [structuredClone(this.#users), structuredClone(this.#leases)];
    const [claims, blocks] = [structuredClone(this.#claims), new Map(this.#blocks)];
    this.#copy = { users, leases, claims, blocks, told: this.#told };
  }

  /** Whether a node could tell by what it saw that the store has the copy's data again, and not its own. */
  get isAheadOfCopy(): boolean {
    return this.#told > this.#copy.told;
  }

  flush(): void {
    this.#users = new Map();
    this.#leases = new Map();
    this.#blocks = new Map();
    this.#claims = new Map();
    this.failOver();
  }

  setBack(): void {
    this.#users = structuredClone(this.#copy.users);
    this.#leases = structuredClone(this.#copy.leases);
    this.#blocks = new Map(this.#copy.blocks);
    this.#claims = structuredClone(this.#copy.claims);
    this.failOver();
  }

  failOver(): void {
    this.#nowMs += 1;
    this.#begunAtMs = this.#nowMs;
    this.#toldSinceBegin.clear();
    this.#told += 1;
  }

  /** Time of day passes of which the clock does not hear. */
  freeze(ms: number): void {
    this.#dayMs += ms;
  }

  /** One tick, that far after the last. */
  tick(ms: number): void {
    this.#nowMs += ms;
    this.#dayMs += ms;
    if (this.isRecovering) return;
    const isDue = ({ deadlineMs }: { deadlineMs: number }) => deadlineMs <= this.#nowMs;
    const sessions = this.#current().filter(({ session }) => session.leaseId === "" && isDue(session));
    const leases = [...this.#leases].filter(([, lease]) => isDue(lease));
    const due = [
      ...sessions.map((due) => ({ atMs: due.session.deadlineMs, end: () => this.#expire(due) })),
      ...leases.map(([leaseId, lease]) => ({ atMs: lease.deadlineMs, end: () => this.#endLease(leaseId, lease) })),
    ];
    for (const { end } of due.sort((a, b) => a.atMs - b.atMs)) end();
    this.#endUnverified();
    for (const [userId, claims] of this.#claims) {
      const before = this.#status(userId);
      endClaims(claims, this.#dayMs);
      this.#tellStatus(userId, before);
    }
  }

  #expire({ userId, deviceId, session }: Placed): void {
    if (session.state === "grace") this.#end(userId, deviceId, session, "ended", "CONNECTION_LOST");
    else this.#end(userId, deviceId, session, "expired", "EXPIRED");
  }

  #endLease(leaseId: string, { state }: ModelLease): void {
    for (const { userId, deviceId, session } of this.#under(leaseId)) {
      if (state === "closed") this.#end(userId, deviceId, session, "ended", "CONNECTION_LOST");
      else this.#end(userId, deviceId, session, "expired", "INSTANCE_LOST");
    }
    this.#leases.delete(leaseId);
  }

  /** Leases are looked through when their first session may be over, and all that are then. */
  #endUnverified(): void {
    const looked = [...this.#leases].filter(([, { lookAtMs, state }]) => state === "open" && lookAtMs <= this.#nowMs);
    for (const [leaseId, lease] of looked.sort(([, a], [, b]) => a.lookAtMs - b.lookAtMs)) {
      for (const placed of this.#under(leaseId)) if (placed.session.deadlineMs <= this.#nowMs) this.#expire(placed);
      lease.lookAtMs = this.#under(leaseId)[0]?.session.deadlineMs ?? this.#nowMs + this.#rules.leasedTtlMs;
    }
  }

  /** The first to be over first. */
  #under(leaseId: string): Placed[] {
    const under = this.#current().filter(({ session }) => session.leaseId === leaseId);
    return under.sort((a, b) => a.session.deadlineMs - b.session.deadlineMs);
  }

  #current(): Placed[] {
    return [...this.#users].flatMap(([userId, devices]) =>
      [...devices].flatMap(([deviceId, sessions]) =>
        sessions.filter(isCurrent).map((session) => ({ userId, deviceId, session })),
      ),
    );
  }

  #isOpen(leaseId: string): boolean {
    return this.#leases.get(leaseId)?.state === "open";
  }

  /** Where it is; or under another lease, if one is named. */
  #extend(session: ModelSession, leaseId: string): void {
    if (leaseId !== "") session.leaseId = leaseId;
    session.deadlineMs = this.#nowMs + (session.leaseId === "" ? this.#rules.ttlMs : this.#rules.leasedTtlMs);
  }

  /** What is verified and not there registers again. */
  #restore(call: { userId: string; deviceId: string; token: ModelToken; leaseId: string }): RefreshResult["kind"] {
    const { userId, deviceId, token, leaseId } = call;
    const { connectionId } = token;
    const current = this.#sessions(userId, deviceId).find(isCurrent);
    // It lives by another session_id.
    if (current?.state === "live" && current.connectionId === connectionId) return "missing";
    const instanceId = this.#leases.get(leaseId)?.instanceId ?? "";
    const { kind } = this.register({
      userId,
      deviceId,
      instanceId,
      connectionId,
      previous: token,
      ages: 0,
      leaseId,
      activity: undefined,
    });
    if (kind === "registered") return "refreshed";
    return kind === "ended" || kind === "superseded" ? "superseded" : "missing";
  }

  user(userId: string): { online: boolean; devices: { deviceId: string; instanceId: string }[]; status: string } {
    const devices = [...(this.#users.get(userId) ?? [])].flatMap(([deviceId, sessions]) =>
      sessions
        .filter(
          ({ state, leaseId }) => state === "live" && (leaseId === "" || this.#leases.get(leaseId)?.state === "open"),
        )
        .map(({ instanceId }) => ({ deviceId, instanceId })),
    );
    devices.sort((a, b) => (a.deviceId < b.deviceId ? -1 : 1));
    return { online: this.#isOnline(userId), devices, status: inWords(this.#status(userId)) };
  }

  #begin(userId: string, deviceId: string, session: Omit<ModelSession, "state" | "deadlineMs" | "endedAtMs">): void {
    const wasOnline = this.#isOnline(userId);
    const before = this.#status(userId);
    const remembered = this.#sessions(userId, deviceId).filter((other) => !isSame(other, session));
    const replaced = remembered.find(isCurrent);
    if (replaced !== undefined) {
      replaced.state = replaced.state === "grace" ? "ended" : "replaced";
      replaced.leaseId = "";
      replaced.endedAtMs = this.#nowMs;
    }
    const begun: ModelSession = {
      ...session,
      state: "live",
      deadlineMs: this.#nowMs + (session.leaseId === "" ? this.#rules.ttlMs : this.#rules.leasedTtlMs),
      endedAtMs: Number.NEGATIVE_INFINITY,
    };
    const others = replaced === undefined ? remembered : this.#remember(remembered, replaced);
    this.#keep(userId, deviceId, [begun, ...others]);
    const { instanceId } = session;
    if (wasOnline) this.#tellStatus(userId, before);
    else this.#tell({ userId, online: true, cause: "CONNECTED", deviceId, instanceId });
  }

  #end(userId: string, deviceId: string, session: ModelSession, state: "ended" | "expired", cause: TransitionCause) {
    const before = this.#status(userId);
    session.state = state;
    session.leaseId = "";
    session.endedAtMs = this.#nowMs;
    this.#keep(userId, deviceId, this.#remember(this.#sessions(userId, deviceId), session));
    const { instanceId } = session;
    if (this.#isOnline(userId)) this.#tellStatus(userId, before);
    else this.#tell({ userId, online: false, cause, deviceId, instanceId });
  }

  #tell(transition: Omit<ModelTransition, "status">): void {
    this.#transitions.push({ ...transition, status: inWords(this.#status(transition.userId)) });
    this.#toldSinceBegin.add(transition.userId);
    this.#told += 1;
  }

  /** Tells what people see now, unless they saw the same before. */
  #tellStatus(userId: string, before: ModelStatus): void {
    const status = this.#status(userId);
    const isSame = (field: keyof ModelStatus) => status[field] === before[field];
    if (isSame("availability") && isSame("text") && isSame("endsAtMs")) return;
    const online = this.#isOnline(userId);
    const isRestated = online && this.#begunAtMs !== undefined && !this.#toldSinceBegin.has(userId);
    this.#tell({ userId, online, cause: isRestated ? "RESTATED" : "STATUS", deviceId: "", instanceId: "" });
  }

  activity(call: {
    userId: string;
    deviceId: string;
    token: ModelToken;
    activity: ModelActivity;
  }): RefreshResult["kind"] {
    const { userId, deviceId, token, activity } = call;
    const before = this.#status(userId);
    const answer = this.refresh({ userId, deviceId, token, leaseId: "" });
    const session = this.#sessions(userId, deviceId).find(({ state }) => state === "live");
    if (answer !== "refreshed" || session === undefined) return answer;
    const last = session.activity?.sequence ?? 0;
    const isLate = session.activity !== undefined && activity.sequence > 0 && activity.sequence <= last;
    if (!isLate && activity.idle !== "short") {
      session.activity = { idle: activity.idle, sequence: Math.max(last, activity.sequence) };
    }
    this.#tellStatus(userId, before);
    return answer;
  }

  claim({ userId, ...call }: NewClaim & { readonly userId: string }): StatusResult["kind"] | "recovering" {
    if (this.isRecovering && !this.#isOnline(userId)) return "recovering";
    const before = this.#status(userId);
    const answer = claim(this.#claimsOf(userId), call, this.#dayMs, this.#rules);
    this.#tellStatus(userId, before);
    return answer;
  }

  unclaim({ userId, ...call }: EndOfClaim & { readonly userId: string }): "done" | "recovering" {
    if (this.isRecovering && !this.#isOnline(userId)) return "recovering";
    const before = this.#status(userId);
    unclaim(this.#claimsOf(userId), call, this.#dayMs, this.#rules);
    this.#tellStatus(userId, before);
    return "done";
  }

  /** Time of day at which that was said which is claimed. */
  saidMs(userId: string, claimId: string): number {
    return this.#claimsOf(userId).list.find((claim) => claim.claimId === claimId)?.setAtMs ?? Number.NEGATIVE_INFINITY;
  }

  #claimsOf(userId: string): UserClaims {
    const claims = this.#claims.get(userId) ?? newClaims();
    this.#claims.set(userId, claims);
    return claims;
  }

  #status(userId: string): ModelStatus {
    const sessions = [...(this.#users.get(userId)?.values() ?? [])].flat().filter(isCurrent);
    return statusOf(this.#claims.get(userId)?.list ?? [], sessions);
  }

  get #recoveredAtMs(): number {
    return (this.#begunAtMs ?? Number.NEGATIVE_INFINITY) + this.#rules.ttlMs;
  }

  /** Whether what a late call means may have been lost. */
  get #isUnproven(): boolean {
    return this.#begunAtMs !== undefined && this.#nowMs < this.#begunAtMs + this.#rules.memoryMs;
  }

  /** Whether a heartbeat without session_id may bring a device back of which this is the last that is known. */
  #mayReturn({ state, connectionId, endedAtMs }: ModelSession): boolean {
    if (state === "grace") return this.#isUnproven && connectionId === "";
    if (this.#isUnproven && endedAtMs < (this.#begunAtMs ?? 0)) return true;
    return state === "expired" && connectionId === "";
  }

  #isLast(userId: string, session: ModelSession): boolean {
    const sessions = [...(this.#users.get(userId)?.values() ?? [])].flat();
    return sessions.every((other) => other === session || !isCurrent(other));
  }

  /** What is kept of a device when one of its sessions has just gone. */
  #remember(sessions: readonly ModelSession[], gone: ModelSession): ModelSession[] {
    const recent = sessions.filter(
      (session) => session !== gone && session.endedAtMs + this.#rules.memoryMs > this.#nowMs,
    );
    return [gone, ...recent].slice(0, this.#rules.deviceMaxTombstones);
  }

  #makeRoom(userId: string, deviceId: string): boolean {
    const devices = this.#users.get(userId);
    if (devices === undefined || devices.has(deviceId)) return true;
    if (devices.size < this.#rules.userMaxDevices) return true;
    const isForgettable = (session: ModelSession) =>
      !isCurrent(session) && session.endedAtMs + this.#rules.memoryMs <= this.#nowMs;
    const forgettable = [...devices].filter(([, sessions]) => sessions.every(isForgettable));
    if (devices.size - forgettable.length >= this.#rules.userMaxDevices) return false;
    for (const [forgotten] of forgettable) devices.delete(forgotten);
    return true;
  }

  #sessions(userId: string, deviceId: string): readonly ModelSession[] {
    return this.#users.get(userId)?.get(deviceId) ?? [];
  }

  #keep(userId: string, deviceId: string, sessions: ModelSession[]): void {
    const devices = this.#users.get(userId) ?? new Map<string, ModelSession[]>();
    this.#users.set(userId, devices.set(deviceId, sessions));
  }

  #isOnline(userId: string): boolean {
    return [...(this.#users.get(userId)?.values() ?? [])].some((sessions) => sessions.some(isCurrent));
  }
}

/** By `named`: until when. */
type Blocks = Map<string, number>;

/** `deviceId` undefined: every one. */
interface Closing {
  readonly userId: string;
  readonly deviceId: string | undefined;
  readonly token: ModelToken | undefined;
  readonly blockMs: number | undefined;
}

interface Placed {
  readonly userId: string;
  readonly deviceId: string;
  readonly session: ModelSession;
}

/** What a replica has. */
interface Copy {
  readonly users: Users;
  readonly leases: Leases;
  readonly blocks: Blocks;
  readonly claims: Claims;
  readonly told: number;
}

export interface ModelTransition {
  readonly userId: string;
  readonly online: boolean;
  readonly cause: TransitionCause;
  readonly deviceId: string;
  readonly instanceId: string;
  /** As PresenceModel says it. */
  readonly status: string;
}

const causes = {
  UNSPECIFIED: "DISCONNECTED",
  LOGGED_OUT: "LOGGED_OUT",
  FORCED: "FORCED",
} as const satisfies Partial<Record<EndReason, TransitionCause>>;

function named(userId: string, ...rest: (string | undefined)[]): string {
  return JSON.stringify([userId, ...rest.filter((part) => part !== undefined)]);
}
