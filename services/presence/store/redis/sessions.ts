import { codeBehind, integer, list, type RedisConnection } from "@realchat/presence-redis";
import { invariant } from "../../domain/invariant.ts";
import { parseSessionId, type SessionRef, sessionIdOf } from "../../domain/session.ts";
import type { RefreshResult, RegisterResult, Registration, SessionEnding, UnregisterResult } from "../store.ts";
import type { ChangeQueue } from "./change-queue.ts";
import type { KnownSessions } from "./known-sessions.ts";
import type { Change } from "./lua/change.ts";
import { refreshWhenOutOfMemory } from "./lua/refresh-when-out-of-memory.ts";
import type { Scripts } from "./scripts.ts";
import type { Shard } from "./shard.ts";
import type { Ticks } from "./ticks.ts";

/** Sessions come, stay and go: what changes a shard's records and deadlines. */
export class Sessions {
  readonly #connection: RedisConnection;
  readonly #scripts: Scripts;
  readonly #known: KnownSessions;
  readonly #ticks: Ticks;
  /** By shard. */
  readonly #changes: readonly ChangeQueue[];
  readonly #ttlMs: number;

  constructor(parts: {
    connection: RedisConnection;
    scripts: Scripts;
    known: KnownSessions;
    ticks: Ticks;
    changes: readonly ChangeQueue[];
    ttlMs: number;
  }) {
    this.#connection = parts.connection;
    this.#scripts = parts.scripts;
    this.#known = parts.known;
    this.#ticks = parts.ticks;
    this.#changes = parts.changes;
    this.#ttlMs = parts.ttlMs;
  }

  async register(shard: Shard, registration: Registration): Promise<RegisterResult> {
    const { userId, deviceId, instanceId, connectionId, previousSessionId, ageMs = 0 } = registration;
    const previous = parseSessionId(previousSessionId);
    invariant(previousSessionId === "" || previous !== undefined, "previous_session_id was checked");
    const place = previous !== undefined ? String(previous.order) : ageMs > 0 ? `-${ageMs * 1_000}` : "";
    const answer = await this.#change(shard, ["register", userId, deviceId, instanceId, connectionId, place]);
    const [kind, itsOrder, version] = answer.split("\t");
    if (itsOrder === undefined) return { kind: kind as "ended" | "superseded" | "too-many-devices" };
    const session = { order: integer(itsOrder), connectionId };
    const sessionId = sessionIdOf(session);
    const result = { kind: kind as "registered" | "repeated", sessionId, version: integer(version) };
    shard.saw(result.version);
    if (connectionId === "") this.#known.set(userId, deviceId, sessionId);
    return result;
  }

  async unregister(shard: Shard, { userId, deviceId, sessionId, reason }: SessionEnding): Promise<UnregisterResult> {
    const kind = await this.#change(shard, ["unregister", userId, deviceId, sessionId, reason, ""]);
    return { kind: kind as UnregisterResult["kind"] };
  }

  /**
   * Extends the deadlines that are there to a TTL from now.
   * @param members see sessionMember
   * @returns how many have a later deadline than before
   */
  async extend(shard: Shard, members: readonly string[]): Promise<number> {
    const deadlineMs = String((await this.#ticks.clockMs(shard)) + this.#ttlMs);
    const command = ["ZADD", shard.keys.deadlines, "XX", "GT", "CH"];
    for (const member of members) command.push(deadlineMs, member);
    try {
      return integer(await this.#connection.send(command));
    } catch (error) {
      if (codeBehind(error) !== "OOM") throw error;
      const { deadlines } = shard.keys;
      return this.#scripts.run(refreshWhenOutOfMemory, { deadlines }, { deadlineMs, members: members.join("\n") });
    }
  }

  /** @returns for each member whether it has a deadline */
  async present(shard: Shard, members: readonly string[]): Promise<readonly boolean[]> {
    const scores = await this.#connection.send(["ZMSCORE", shard.keys.deadlines, ...members]);
    return list(scores).map((score) => score !== null);
  }

  /** Decides, by the user's record, about a heartbeat that found no deadline. */
  async decideHeartbeat(shard: Shard, { userId, deviceId, sessionId }: SessionRef): Promise<RefreshResult> {
    if (sessionId !== "" && parseSessionId(sessionId) === undefined) return { kind: "missing" };
    const answer = await this.#change(shard, ["heartbeat", userId, deviceId, sessionId, "", ""]);
    const [kind, liveId] = answer.split("\t");
    if (sessionId === "") {
      if (liveId === undefined) this.#known.delete(userId, deviceId);
      else this.#known.set(userId, deviceId, liveId);
    }
    return { kind: kind as "refreshed" | "missing" | "superseded" };
  }

  #change(shard: Shard, change: Change): Promise<string> {
    return (this.#changes[shard.number] as ChangeQueue).add(change);
  }
}
