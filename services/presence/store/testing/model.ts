import type { Rules } from "../../domain/decisions.ts";
import type { DisconnectReason, TransitionCause } from "../../domain/transition.ts";
import type { RefreshResult, RegisterResult, UnregisterResult } from "../store.ts";

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
  readonly #transitions: ModelTransition[] = [];
  #nowMs = 0;
  #registrations = 0;
  #copy: Copy = { users: new Map(), told: 0 };
  /** Of the last begin; undefined: it never lost anything. */
  #begunAtMs: number | undefined;
  /** Transitions and begins. */
  #told = 0;

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  get nowMs(): number {
    return this.#nowMs;
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
  }): { kind: RegisterResult["kind"]; token?: ModelToken } {
    const { userId, deviceId, instanceId, connectionId, previous, ages } = call;
    const sessions = this.#sessions(userId, deviceId);
    const current = sessions.find(isCurrent);
    // Of several sessions of one connection the newest speaks.
    const known = connectionId === "" ? undefined : sessions.find((session) => session.connectionId === connectionId);
    if (known !== undefined) {
      if (isCurrent(known)) {
        if (known.state === "grace") return { kind: "ended" };
        known.deadlineMs = this.#nowMs + this.#rules.ttlMs;
        return { kind: "repeated", token: tokenOf(known) };
      }
      if (known.state === "ended") return { kind: "ended" };
      if (known.state === "replaced") return { kind: "superseded" };
    }
    // Still known, it can only have expired.
    const order = previous?.order ?? known?.order ?? this.#registrations + 1 - this.#ageOf(ages);
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
      contestedUntilMs: connectionId === "" && isUnclear ? this.#nowMs + this.#rules.memoryMs : 0,
    });
    return { kind: "registered", token };
  }

  unregister(call: {
    userId: string;
    deviceId: string;
    token: ModelToken | undefined;
    reason: DisconnectReason;
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
      session.deadlineMs = Math.min(session.deadlineMs, this.#nowMs + (isLost ? this.#rules.graceMs : 0));
      if (isKept) session.deadlineMs = Math.max(session.deadlineMs, this.#recoveredAtMs);
      return "grace";
    }
    this.#end(userId, deviceId, session, "ended", isLost ? "CONNECTION_LOST" : causes[reason]);
    return "ended";
  }

  refresh(call: { userId: string; deviceId: string; token: ModelToken | undefined }): RefreshResult["kind"] {
    const { userId, deviceId, token } = call;
    const sessions = this.#sessions(userId, deviceId);
    const current = sessions.find(isCurrent);
    const live = current?.state === "live" ? current : undefined;
    if (token !== undefined) {
      if (live !== undefined && isSame(live, token)) {
        live.deadlineMs = this.#nowMs + this.#rules.ttlMs;
        return "refreshed";
      }
      return sessions.some((session) => isNewer(session, token)) ? "superseded" : "missing";
    }
    if (live !== undefined) {
      if (live.connectionId !== "") return "superseded";
      live.deadlineMs = this.#nowMs + this.#rules.ttlMs;
      return "refreshed";
    }
    const unknown = { order: heartbeatOrder, connectionId: "", instanceId: anyInstance };
    const last = sessions[0];
    if (last !== undefined && !this.#mayReturn(last)) return "missing";
    if (!this.#makeRoom(userId, deviceId)) return "missing";
    const returning = last?.connectionId === "" ? last : unknown;
    this.#begin(userId, deviceId, { ...returning, contestedUntilMs: this.#nowMs + this.#rules.memoryMs });
    return "refreshed";
  }

  copy(): void {
    this.#copy = { users: structuredClone(this.#users), told: this.#told };
  }

  /** Whether a node could tell by what it saw that the store has the copy's data again, and not its own. */
  get isAheadOfCopy(): boolean {
    return this.#told > this.#copy.told;
  }

  flush(): void {
    this.#users = new Map();
    this.failOver();
  }

  setBack(): void {
    this.#users = structuredClone(this.#copy.users);
    this.failOver();
  }

  failOver(): void {
    this.#nowMs += 1;
    this.#begunAtMs = this.#nowMs;
    this.#told += 1;
  }

  /** One tick, that far after the last. */
  tick(ms: number): void {
    this.#nowMs += ms;
    if (this.isRecovering) return;
    const due = [...this.#users].flatMap(([userId, devices]) =>
      [...devices].flatMap(([deviceId, sessions]) =>
        sessions
          .filter((session) => isCurrent(session) && session.deadlineMs <= this.#nowMs)
          .map((session) => ({ userId, deviceId, session })),
      ),
    );
    due.sort((a, b) => a.session.deadlineMs - b.session.deadlineMs);
    for (const { userId, deviceId, session } of due) {
      if (session.state === "grace") this.#end(userId, deviceId, session, "ended", "CONNECTION_LOST");
      else this.#end(userId, deviceId, session, "expired", "EXPIRED");
    }
  }

  user(userId: string): { online: boolean; devices: { deviceId: string; instanceId: string }[] } {
    const devices = [...(this.#users.get(userId) ?? [])].flatMap(([deviceId, sessions]) =>
      sessions.filter(({ state }) => state === "live").map(({ instanceId }) => ({ deviceId, instanceId })),
    );
    return { online: this.#isOnline(userId), devices: devices.sort((a, b) => (a.deviceId < b.deviceId ? -1 : 1)) };
  }

  #begin(userId: string, deviceId: string, session: Omit<ModelSession, "state" | "deadlineMs" | "endedAtMs">): void {
    const wasOnline = this.#isOnline(userId);
    const remembered = this.#sessions(userId, deviceId).filter((other) => !isSame(other, session));
    const replaced = remembered.find(isCurrent);
    if (replaced !== undefined) {
      replaced.state = replaced.state === "grace" ? "ended" : "replaced";
      replaced.endedAtMs = this.#nowMs;
    }
    const begun: ModelSession = {
      ...session,
      state: "live",
      deadlineMs: this.#nowMs + this.#rules.ttlMs,
      endedAtMs: Number.NEGATIVE_INFINITY,
    };
    const others = replaced === undefined ? remembered : this.#remember(remembered, replaced);
    this.#keep(userId, deviceId, [begun, ...others]);
    if (wasOnline) return;
    const { instanceId } = session;
    this.#tell({ userId, online: true, cause: "CONNECTED", deviceId, instanceId });
  }

  #end(userId: string, deviceId: string, session: ModelSession, state: "ended" | "expired", cause: TransitionCause) {
    session.state = state;
    session.endedAtMs = this.#nowMs;
    this.#keep(userId, deviceId, this.#remember(this.#sessions(userId, deviceId), session));
    if (this.#isOnline(userId)) return;
    const { instanceId } = session;
    this.#tell({ userId, online: false, cause, deviceId, instanceId });
  }

  #tell(transition: ModelTransition): void {
    this.#transitions.push(transition);
    this.#told += 1;
  }

  get #recoveredAtMs(): number {
    return (this.#begunAtMs ?? Number.NEGATIVE_INFINITY) + this.#rules.ttlMs;
  }

  /** Whether what a late call means may have been lost. */
  get #isUnproven(): boolean {
    return this.#begunAtMs !== undefined && this.#nowMs < this.#begunAtMs + this.#rules.memoryMs;
  }

  /** What a begin adds to the versions is more time than a run takes, and until it is over no age counts. */
  #ageOf(ages: number): number {
    return this.#begunAtMs === undefined ? ages * age : 0;
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

/** By user and device; a device's newest session first. */
type Users = Map<string, Map<string, ModelSession[]>>;

/** What a replica has. */
interface Copy {
  readonly users: Users;
  readonly told: number;
}

/** What a session_id stands for. */
export interface ModelToken {
  readonly order: number;
  readonly connectionId: string;
}

export interface ModelTransition {
  readonly userId: string;
  readonly online: boolean;
  readonly cause: TransitionCause;
  readonly deviceId: string;
  readonly instanceId: string;
}

interface ModelSession extends ModelToken {
  readonly instanceId: string;
  readonly contestedUntilMs: number;
  state: "live" | "grace" | "ended" | "replaced" | "expired";
  deadlineMs: number;
  endedAtMs: number;
}

const causes = { UNSPECIFIED: "DISCONNECTED", LOGGED_OUT: "LOGGED_OUT" } as const satisfies Partial<
  Record<DisconnectReason, TransitionCause>
>;

function isCurrent({ state }: ModelSession): boolean {
  return state === "live" || state === "grace";
}

export function isSame(a: ModelToken, b: ModelToken): boolean {
  return a.order === b.order && a.connectionId === b.connectionId;
}

/** Whether the session registered later than the token's, or replaced a session was the token's own. */
function isNewer(session: ModelSession, token: ModelToken): boolean {
  const { connectionId } = token;
  const isItself = connectionId !== "" && session.connectionId === connectionId;
  if (session.order > token.order && !isItself) return true;
  return session.state === "replaced" && session.connectionId === connectionId && session.order >= token.order;
}

function tokenOf({ order, connectionId }: ModelToken): ModelToken {
  return { order, connectionId };
}
