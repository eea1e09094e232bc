import { codeBehind, integer, list, type RedisLink } from "@realchat/presence-redis";
import type { Activity } from "../../../domain/activity.ts";
import type { Closing } from "../../../domain/block.ts";
import type { NewClaim } from "../../../domain/claims.ts";
import { invariant } from "../../../domain/invariant.ts";
import { PresenceError } from "../../../domain/presence-error.ts";
import type { Rules } from "../../../domain/rules.ts";
import { parseSessionId, type SessionRef, sessionIdOf, unknownInstance } from "../../../domain/session.ts";
import { availabilities } from "../../../domain/status.ts";
import type {
  ClosedByOperator,
  CloseResult,
  Heartbeat,
  RefreshReply,
  RefreshResult,
  RegisterResult,
  Registration,
  SessionEnding,
  StatusResult,
  StatusStore,
  Tick,
  UnregisterResult,
} from "../../store.ts";
import type { Operations } from "../health/operations.ts";
import { leasedSchemaVersion } from "../health/store-mark.ts";
import { closedLeaseMember, leaseMember, sessionMember } from "../keys.ts";
import type { Change } from "../lua/change/change.ts";
import { refreshWhenOutOfMemory } from "../lua/deadline/refresh-when-out-of-memory.ts";
import { close } from "../lua/gateway-lease/close.ts";
import { open } from "../lua/gateway-lease/open.ts";
import { mend } from "../lua/mending/mend.ts";
import { decodeStatus } from "../records/user-record.ts";
import { batchMaxChanges, ChangeQueue, type PendingChanges } from "./change-queue.ts";
import { type KeptBound, type KeptCounts, KeptHeartbeats, type UndecidedHeartbeat } from "./kept-heartbeats.ts";
import type { KnownSessions } from "./known-sessions.ts";
import { isUnconfirmed, type PendingBound, RefreshQueue } from "./refresh-queue.ts";
import { type ChangeParts, ShardChanges } from "./shard-changes.ts";
import type { ShardState } from "./shard-state.ts";
import { ShardTicks, type TickParts } from "./shard-ticks.ts";

/** What the shards of a store share. */
interface ShardParts extends TickParts, ChangeParts {
  readonly operations: Operations;
  readonly known: KnownSessions;
  readonly pendingRefreshes: PendingBound;
  readonly pendingChanges: PendingChanges;
  readonly keptBound: KeptBound;
  readonly keptCounts: KeptCounts;
  readonly rules: Rules;
}

/**
 * All that changes one shard: its queues, its ticks and its scripts.
 *
 *   register, unregister,
 *   closeSessions, claims,
 *   setActivity ───────────► ChangeQueue ──► ShardChanges: one call of lua/change/change.lua for a batch
 *   refresh ───────────────► RefreshQueue ─► #extend: one ZADD for a batch
 *                │                             └─ no deadline found ─► #decideHeartbeat ─► ChangeQueue
 *                └─ not confirmed, or no connection ─► KeptHeartbeats ─► the next ticks; #decideKept ─► ChangeQueue
 *
 * The heartbeat of a lease is that of a session of nobody. What is verified under a lease goes the way of `refresh`, in a queue
 * of that lease, to its own ZSET; it is not kept, for it has time.
 */
export class RedisShard {
  readonly state: ShardState;
  readonly #parts: ShardParts;
  readonly #ticks: ShardTicks;
  readonly #changes: ChangeQueue;
  readonly #refreshes: RefreshQueue;
  /** By lease; those alone that have something to do. */
  readonly #verifications = new Map<string, RefreshQueue>();
  readonly #kept: KeptHeartbeats;
  #isDecidingKept = false;

  constructor(state: ShardState, parts: ShardParts) {
    const { operations, pendingChanges, pendingRefreshes } = parts;
    this.state = state;
    this.#parts = parts;
    this.#kept = new KeptHeartbeats(parts.keptBound, parts.keptCounts);
    this.#ticks = new ShardTicks(state, this.#kept, parts);
    const changes = new ShardChanges(state, this.#ticks, parts);
    this.#changes = new ChangeQueue((batch) => operations.count("change", () => changes.decide(batch)), pendingChanges);
    this.#refreshes = new RefreshQueue(
      {
        extend: (members) => operations.run("refresh", () => this.#extend(members)),
        present: (members) => this.#areIn(state.keys.deadlines, members),
        decide: (session) => operations.run("heartbeat", () => this.#decideHeartbeat(session)),
        nowMs: () => parts.clock.monotonicMs(),
        keep: (session, member, atMs) => this.#keep(session, member, atMs),
      },
      pendingRefreshes,
    );
  }

  register(registration: Registration): Promise<RegisterResult> {
    return this.#parts.operations.run("register", () => this.#register(registration));
  }

  unregister(ending: SessionEnding): Promise<UnregisterResult> {
    return this.#parts.operations.run("unregister", () => this.#unregister(ending));
  }

  closeSessions(closing: Closing): Promise<CloseResult> {
    return this.#parts.operations.run("close", () => this.#close(closing));
  }

  /** See StatusStore. */
  setStatus(userId: string, claim: NewClaim): Promise<StatusResult> {
    const { claimId, availability, text, emoji, expiresAtMs, setAtMs } = claim;
    const said = [availabilities.indexOf(availability), text, emoji].join("\x1f");
    const ends = expiresAtMs === undefined ? "" : String(expiresAtMs);
    return this.#claim(["claim", userId, "", claimId, said, ends, setAtMs === undefined ? "" : String(setAtMs)]);
  }

  clearStatus(userId: string, claimId: string, setAtMs: number | undefined): Promise<StatusResult> {
    return this.#claim(["unclaim", userId, "", claimId, "", "", setAtMs === undefined ? "" : String(setAtMs)]);
  }

  /** See StatusStore. */
  setActivity(session: SessionRef, { sequence, idleSinceMs }: Activity): ReturnType<StatusStore["setActivity"]> {
    return this.#parts.operations.run("activity", async () => {
      const { userId, deviceId, sessionId } = session;
      if (parseSessionId(sessionId) === undefined) return { kind: "missing" };
      const activity = `${sequence} ${idleSinceMs === 0 ? "" : idleSinceMs}`;
      const answer = await this.#changes.add(["heartbeat", userId, deviceId, sessionId, "", "", activity]);
      return heartbeatAnswer(answer);
    });
  }

  /** See SessionStore. */
  refresh(session: Heartbeat, reply: RefreshReply, tag: number): void {
    const { link } = this.state;
    const { userId, deviceId, leaseId = "" } = session;
    if (leaseId !== "") {
      if (!link.isReady) reply({ kind: "failed", error: link.unavailable() }, tag);
      else this.#verificationsOf(leaseId).add(session, sessionMember(userId, session.sessionId), reply, tag);
      return;
    }
    const sessionId = session.sessionId === "" ? this.#knownId(userId, deviceId) : session.sessionId;
    const member = sessionId === undefined ? undefined : sessionMember(userId, sessionId);
    if (link.isReady) {
      this.#refreshes.add(session, member, reply, tag);
      return;
    }
    this.#keep(session, member, this.#parts.clock.monotonicMs());
    reply({ kind: "failed", error: link.unavailable() }, tag);
  }

  /** @param askedMs monotonic time when its caller asked @returns whether it is open now; else it was closed */
  async openLease(leaseId: string, instanceId: string, askedMs: number): Promise<boolean> {
    const { keys, link } = this.state;
    const { meta, deadlines, leases, holders } = keys;
    const args = { lease: leaseId, instance: instanceId, schema: leasedSchemaVersion };
    const state = await this.#ticks.inTime(askedMs, (until) =>
      this.#parts.scripts.run(link, open, { meta, deadlines, leases, holders }, { ...args, ...until }),
    );
    return state === "open";
  }

  /** @returns "superseded": it was closed */
  keepLease(leaseId: string): Promise<Exclude<RefreshResult["kind"], "failed">> {
    return new Promise((resolve, reject) => {
      const reply = (result: RefreshResult) => {
        if (result.kind === "failed") reject(result.error);
        else resolve(result.kind);
      };
      this.refresh({ userId: nobody, deviceId: "", sessionId: leaseId }, reply, 0);
    });
  }

  async closeLease(leaseId: string, graceMs: number): Promise<void> {
    const { keys, link } = this.state;
    const { meta, deadlines, leases } = keys;
    const args = { lease: leaseId, graceMs };
    await this.#ticks.withClock(() => this.#parts.scripts.run(link, close, { meta, deadlines, leases }, args));
  }

  /** Ticks it on a connection that is not in use yet: nothing else may come first. */
  async tickFirst(via: Pick<RedisLink, "send">): Promise<void> {
    this.state.interrupted();
    await this.#ticks.tick(0, via);
  }

  /** It can be asked, after it was ticked first. */
  ready(): void {
    void this.#decideKept();
  }

  /** See ShardKeeping. */
  async tick(limit: number): Promise<Tick> {
    const result = await this.#parts.operations.count("tick", () => this.#ticks.tick(limit));
    void this.#decideKept();
    return result;
  }

  /** Gives a deadline to the sessions of these users that have none. @returns how many got one */
  mend(userIds: readonly string[]): Promise<number> {
    const { keys, link } = this.state;
    const { deadlines, meta, recordPrefix } = keys;
    const { scripts } = this.#parts;
    return this.#ticks.withClock(() => scripts.run(link, mend, { deadlines, meta }, { recordPrefix }, userIds));
  }

  async #register(registration: Registration): Promise<RegisterResult> {
    const { userId, deviceId, instanceId, connectionId, previousSessionId, ageMs = 0, leaseId = "" } = registration;
    const { idleSinceMs, traceparent = "" } = registration;
    const previous = parseSessionId(previousSessionId);
    invariant(previousSessionId === "" || previous !== undefined, "previous_session_id was checked");
    const order = previous !== undefined ? String(previous.order) : ageMs > 0 ? `-${ageMs * 1_000}` : "";
    const place = idleSinceMs === undefined ? order : `${order}\x1f${idleSinceMs}`;
    const what = [instanceId, connectionId, place, leaseId] as const;
    const answer = await this.#changes.add(["register", userId, deviceId, ...what, traceparent]);
    const [kind, itsOrder, version] = answer.split("\t");
    if (kind === "closed") return closedBy(answer);
    if (itsOrder === undefined) {
      return { kind: kind as Exclude<RegisterResult["kind"], "registered" | "repeated" | "closed"> };
    }
    const sessionId = sessionIdOf({ order: integer(itsOrder), connectionId });
    const result = { kind: kind as "registered" | "repeated", sessionId, version: integer(version) };
    this.state.saw(result.version);
    if (connectionId === "") this.#learn(userId, deviceId, sessionId, instanceId);
    return result;
  }

  async #unregister(ending: SessionEnding): Promise<UnregisterResult> {
    const { userId, deviceId, sessionId, reason, traceparent = "" } = ending;
    const kind = await this.#changes.add(["unregister", userId, deviceId, sessionId, reason, "", "", traceparent]);
    return { kind: kind as UnregisterResult["kind"] };
  }

  async #close({ userId, deviceId, sessionId, reason, blockMs }: Closing): Promise<CloseResult> {
    const block = blockMs === undefined ? "" : String(blockMs);
    const answer = await this.#changes.add(["close", userId, deviceId, sessionId, reason, block, ""]);
    if (answer === "too-many-blocks") return { kind: answer };
    const [, ...refs] = answer.split("\t");
    const sessions: SessionRef[] = [];
    for (let at = 0; at < refs.length; at += 2) {
      sessions.push({ userId, deviceId: refs[at] as string, sessionId: refs[at + 1] as string });
    }
    return { kind: "closed", sessions };
  }

  #claim(claim: Change): Promise<StatusResult> {
    return this.#parts.operations.run("status", async () => {
      const answer = await this.#changes.add(claim);
      const [kind, number, told = ""] = answer.split("\t");
      switch (kind) {
        case "done": {
          const version = integer(number);
          const status = decodeStatus(told);
          invariant(status !== undefined && status !== "plain", "a claim is answered with the whole status");
          this.state.saw(version);
          return { kind, version, status };
        }
        case "too-often":
          return { kind, leftMs: integer(number) };
        case "recovering":
          throw recovering(this.state.number);
        default:
          return { kind: kind as "over" | "too-many" };
      }
    });
  }

  /** See RefreshRoute. */
  async #extend(members: readonly string[]): Promise<number> {
    const { ttlMs, leaseTtlMs } = this.#parts.rules;
    const clockMs = await this.#ticks.clockMs();
    const [deadlineMs, leaseMs] = [String(clockMs + ttlMs), String(clockMs + leaseTtlMs)];
    const command = extendingIn(this.state.keys.deadlines);
    for (const member of members) command.push(isOfLease(member) ? leaseMs : deadlineMs, member);
    return this.#extendBy(command);
  }

  /** @param command of `extendingIn`, with deadline and member in turn @returns how many members have a later deadline now */
  async #extendBy(command: readonly string[]): Promise<number> {
    const { link } = this.state;
    try {
      return integer(await link.send(command));
    } catch (error) {
      if (codeBehind(error) !== "OOM") throw error;
      const [, deadlines = ""] = command;
      const lines: string[] = [];
      for (let at = extendingWords; at < command.length; at += 2) lines.push(`${command[at]}\t${command[at + 1]}`);
      return this.#parts.scripts.run(link, refreshWhenOutOfMemory, { deadlines }, { members: lines.join("\n") });
    }
  }

  #verificationsOf(leaseId: string): RefreshQueue {
    const queue = this.#verifications.get(leaseId);
    if (queue !== undefined) return queue;
    const { operations, clock, pendingRefreshes } = this.#parts;
    const route = {
      extend: (members: readonly string[]) => operations.run("verify", () => this.#extendLeased(leaseId, members)),
      present: (members: readonly string[]) => this.#presentLeased(leaseId, members),
      decide: (session: Heartbeat) => operations.run("heartbeat", () => this.#verify(session)),
      nowMs: () => clock.monotonicMs(),
      keep: () => {},
      idle: () => this.#verifications.delete(leaseId),
    };
    const created = new RefreshQueue(route, pendingRefreshes);
    this.#verifications.set(leaseId, created);
    return created;
  }

  /** See RefreshRoute. Under a lease that is not open, none is extended. */
  async #extendLeased(leaseId: string, members: readonly string[]): Promise<number> {
    const deadlineMs = String((await this.#ticks.clockMs()) + this.#parts.rules.leasedTtlMs);
    const command = extendingIn(this.state.keys.leasePrefix + leaseId);
    for (const member of members) command.push(deadlineMs, member);
    const [isOpen, extended] = await Promise.all([this.#isOpen(leaseId), this.#extendBy(command)]);
    return isOpen ? extended : 0;
  }

  /** See RefreshRoute. */
  async #presentLeased(leaseId: string, members: readonly string[]): Promise<readonly boolean[]> {
    const lease = this.state.keys.leasePrefix + leaseId;
    const [isOpen, isPresent] = await Promise.all([this.#isOpen(leaseId), this.#areIn(lease, members)]);
    return isPresent.map((is) => isOpen && is);
  }

  async #isOpen(leaseId: string): Promise<boolean> {
    const { keys, link } = this.state;
    return (await link.send(["ZSCORE", keys.deadlines, leaseMember(leaseId)])) !== null;
  }

  async #areIn(deadlines: string, members: readonly string[]): Promise<readonly boolean[]> {
    const scores = await this.state.link.send(["ZMSCORE", deadlines, ...members]);
    return list(scores).map((score) => score !== null);
  }

  /** Decides, by the user's record, about a heartbeat that found no deadline. */
  async #decideHeartbeat(heartbeat: Heartbeat): Promise<RefreshResult> {
    const { userId, deviceId, sessionId } = heartbeat;
    if (userId === nobody) return this.#decideLease(sessionId);
    if (sessionId !== "" && parseSessionId(sessionId) === undefined) return { kind: "missing" };
    const { known } = this.#parts;
    const sender = known.get(userId, deviceId)?.instanceId ?? heartbeat.instanceId ?? unknownInstance;
    const answer = await this.#changes.add(["heartbeat", userId, deviceId, sessionId, sender, "", ""]);
    const [kind, liveId, instanceId] = answer.split("\t");
    if (sessionId === "") {
      if (kind !== "refreshed" || liveId === undefined || instanceId === undefined) known.delete(userId, deviceId);
      else this.#learn(userId, deviceId, liveId, instanceId);
    }
    return heartbeatAnswer(answer);
  }

  /** The heartbeat of a lease that is not open. */
  async #decideLease(leaseId: string): Promise<RefreshResult> {
    const { keys, link } = this.state;
    const closed = await link.send(["ZSCORE", keys.deadlines, closedLeaseMember(leaseId)]);
    return { kind: closed === null ? "missing" : "superseded" };
  }

  /** Decides, by the user's record, about a session that was not found under the lease that it is verified under. */
  async #verify({ userId, deviceId, sessionId, leaseId = "" }: Heartbeat): Promise<RefreshResult> {
    const token = parseSessionId(sessionId);
    if (token === undefined || token.connectionId === "") return { kind: "missing" };
    const { order, connectionId } = token;
    const answer = await this.#changes.add(["verify", userId, deviceId, "", connectionId, String(order), leaseId]);
    const [kind, , version] = answer.split("\t");
    if (kind === "closed") return closedBy(answer);
    if (version !== undefined) {
      this.state.saw(integer(version));
      return { kind: "refreshed" };
    }
    return { kind: kind === "ended" || kind === "superseded" ? "superseded" : "missing" };
  }

  #learn(userId: string, deviceId: string, sessionId: string, instanceId: string): void {
    const { generation } = this.state;
    this.#parts.known.set(userId, deviceId, { sessionId, generation, instanceId });
  }

  #knownId(userId: string, deviceId: string): string | undefined {
    const known = this.#parts.known.get(userId, deviceId);
    return known?.generation === this.state.generation ? known.sessionId : undefined;
  }

  #keep(session: Heartbeat, member: string | undefined, atMs: number): void {
    this.#kept.keep(session, member, { reckonedMs: this.state.clock.boundMs(atMs), atMs });
  }

  /** The link works: decides about the kept heartbeats that no tick can serve. Until then ticks do not advance. */
  async #decideKept(): Promise<void> {
    if (this.#isDecidingKept) return;
    this.#isDecidingKept = true;
    for (let isAnswered = true; isAnswered; ) {
      const heartbeats = this.#kept.undecided(batchMaxChanges);
      const answers = await Promise.all(heartbeats.map((heartbeat) => this.#decideOneKept(heartbeat)));
      isAnswered = heartbeats.length > 0 && answers.every((isDecided) => isDecided);
    }
    this.#isDecidingKept = false;
  }

  async #decideOneKept(heartbeat: UndecidedHeartbeat): Promise<boolean> {
    const { operations } = this.#parts;
    try {
      await operations.run("heartbeat", () => this.#decideHeartbeat(heartbeat.session));
    } catch (error) {
      if (isUnconfirmed(error)) return false;
    }
    this.#kept.decided(heartbeat);
    return true;
  }
}

/** No user has this id: its sessions are the leases. */
const nobody = "";

/** See heartbeat.lua. */
function heartbeatAnswer(answer: string): Exclude<RefreshResult, { kind: "failed" }> {
  const kind = answer.split("\t", 1)[0];
  return kind === "closed" ? closedBy(answer) : { kind: kind as "refreshed" | "missing" | "superseded" };
}

/** Whoever looks offline in a shard that recovers may be online, and is told nothing of by that. */
function recovering(shard: number): PresenceError {
  return new PresenceError("UNAVAILABLE", `shard ${shard} recovers, and the user has not come back: try again`, {
    retryAfterMs: 5_000,
  });
}

/** See check-blocks.lua. */
function closedBy(answer: string): ClosedByOperator {
  const [, leftMs = "", reason = ""] = answer.split("\t");
  return { kind: "closed", reason, leftMs: leftMs === "" ? undefined : Number(leftMs) };
}

function isOfLease(member: string): boolean {
  return member.charCodeAt(0) === 0;
}

/** Words of a command of `extendingIn`. */
const extendingWords = 5;

/** A command that moves deadlines on, and none back, and counts those: deadline and member in turn are to be added. */
function extendingIn(deadlines: string): string[] {
  return ["ZADD", deadlines, "XX", "GT", "CH"];
}
