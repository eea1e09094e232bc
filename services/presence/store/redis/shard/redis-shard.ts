import { codeBehind, integer, list, type RedisLink } from "@realchat/presence-redis";
import { invariant } from "../../../domain/invariant.ts";
import { parseSessionId, sessionIdOf, unknownInstance } from "../../../domain/session.ts";
import type {
  Heartbeat,
  RefreshReply,
  RefreshResult,
  RegisterResult,
  Registration,
  SessionEnding,
  Tick,
  UnregisterResult,
} from "../../store.ts";
import type { Operations } from "../health/operations.ts";
import { sessionMember } from "../keys.ts";
import { refreshWhenOutOfMemory } from "../lua/deadline/refresh-when-out-of-memory.ts";
import { mend } from "../lua/mending/mend.ts";
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
  /** See Rules. */
  readonly ttlMs: number;
}

/**
 * All that changes one shard: its queues, its ticks and its scripts.
 *
 *   register, unregister ──► ChangeQueue ──► ShardChanges: one call of lua/change/change.lua for a batch
 *   refresh ───────────────► RefreshQueue ─► #extend: one ZADD for a batch
 *                │                             └─ no deadline found ─► #decideHeartbeat ─► ChangeQueue
 *                └─ not confirmed, or no connection ─► KeptHeartbeats ─► the next ticks; #decideKept ─► ChangeQueue
 */
export class RedisShard {
  readonly state: ShardState;
  readonly #parts: ShardParts;
  readonly #ticks: ShardTicks;
  readonly #changes: ChangeQueue;
  readonly #refreshes: RefreshQueue;
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
        present: (members) => this.#present(members),
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

  /** See SessionStore. */
  refresh(session: Heartbeat, reply: RefreshReply, tag: number): void {
    const { link } = this.state;
    const { userId, deviceId } = session;
    const sessionId = session.sessionId === "" ? this.#knownId(userId, deviceId) : session.sessionId;
    const member = sessionId === undefined ? undefined : sessionMember(userId, sessionId);
    if (link.isReady) {
      this.#refreshes.add(session, member, reply, tag);
      return;
    }
    this.#keep(session, member, this.#parts.clock.monotonicMs());
    reply({ kind: "failed", error: link.unavailable() }, tag);
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
    const { userId, deviceId, instanceId, connectionId, previousSessionId, ageMs = 0 } = registration;
    const previous = parseSessionId(previousSessionId);
    invariant(previousSessionId === "" || previous !== undefined, "previous_session_id was checked");
    const place = previous !== undefined ? String(previous.order) : ageMs > 0 ? `-${ageMs * 1_000}` : "";
    const answer = await this.#changes.add(["register", userId, deviceId, instanceId, connectionId, place]);
    const [kind, order, version] = answer.split("\t");
    if (order === undefined) return { kind: kind as "ended" | "superseded" | "too-many-devices" };
    const sessionId = sessionIdOf({ order: integer(order), connectionId });
    const result = { kind: kind as "registered" | "repeated", sessionId, version: integer(version) };
    this.state.saw(result.version);
    if (connectionId === "") this.#learn(userId, deviceId, sessionId, instanceId);
    return result;
  }

  async #unregister({ userId, deviceId, sessionId, reason }: SessionEnding): Promise<UnregisterResult> {
    const kind = await this.#changes.add(["unregister", userId, deviceId, sessionId, reason, ""]);
    return { kind: kind as UnregisterResult["kind"] };
  }

  /** See RefreshRoute. */
  async #extend(members: readonly string[]): Promise<number> {
    const { scripts, ttlMs } = this.#parts;
    const { keys, link } = this.state;
    const { deadlines } = keys;
    const deadlineMs = String((await this.#ticks.clockMs()) + ttlMs);
    const command = ["ZADD", deadlines, "XX", "GT", "CH"];
    for (const member of members) command.push(deadlineMs, member);
    try {
      return integer(await link.send(command));
    } catch (error) {
      if (codeBehind(error) !== "OOM") throw error;
      return scripts.run(link, refreshWhenOutOfMemory, { deadlines }, { deadlineMs, members: members.join("\n") });
    }
  }

  /** See RefreshRoute. */
  async #present(members: readonly string[]): Promise<readonly boolean[]> {
    const { keys, link } = this.state;
    const scores = await link.send(["ZMSCORE", keys.deadlines, ...members]);
    return list(scores).map((score) => score !== null);
  }

  /** Decides, by the user's record, about a heartbeat that found no deadline. */
  async #decideHeartbeat(heartbeat: Heartbeat): Promise<RefreshResult> {
    const { userId, deviceId, sessionId } = heartbeat;
    if (sessionId !== "" && parseSessionId(sessionId) === undefined) return { kind: "missing" };
    const { known } = this.#parts;
    const sender = known.get(userId, deviceId)?.instanceId ?? heartbeat.instanceId ?? unknownInstance;
    const answer = await this.#changes.add(["heartbeat", userId, deviceId, sessionId, sender, ""]);
    const [kind, liveId, instanceId] = answer.split("\t");
    if (sessionId === "") {
      if (liveId === undefined || instanceId === undefined) known.delete(userId, deviceId);
      else this.#learn(userId, deviceId, liveId, instanceId);
    }
    return { kind: kind as "refreshed" | "missing" | "superseded" };
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
