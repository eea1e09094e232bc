import { codeBehind, integer, list, type RedisConnection, type Script, type Values } from "@realchat/presence-redis";
import type { Clock } from "@realchat/presence-runtime";
import { invariant } from "../../domain/invariant.ts";
import { parseSessionId, type SessionRef } from "../../domain/session.ts";
import type { RefreshResult, RegisterResult, Registration, SessionEnding, Tick, UnregisterResult } from "../store.ts";
import type { KnownSessions } from "./known-sessions.ts";
import { heartbeat } from "./lua/heartbeat.ts";
import { refresh } from "./lua/refresh.ts";
import { register } from "./lua/register.ts";
import { tick } from "./lua/tick.ts";
import { unregister } from "./lua/unregister.ts";
import type { Scripts } from "./scripts.ts";
import type { Shard } from "./shard.ts";

/** Sessions come, stay and go: what changes a shard's records and deadlines. */
export class Sessions {
  readonly #connection: RedisConnection;
  readonly #scripts: Scripts;
  readonly #known: KnownSessions;
  readonly #ttlMs: number;
  readonly #clock: Clock;

  constructor(connection: RedisConnection, scripts: Scripts, known: KnownSessions, ttlMs: number, clock: Clock) {
    this.#connection = connection;
    this.#scripts = scripts;
    this.#known = known;
    this.#ttlMs = ttlMs;
    this.#clock = clock;
  }

  async register(shard: Shard, registration: Registration): Promise<RegisterResult> {
    const { userId, deviceId, instanceId, connectionId, previousSessionId } = registration;
    const previous = parseSessionId(previousSessionId);
    invariant(previousSessionId === "" || previous !== undefined, "previous_session_id was checked");
    const result = await this.#decide(shard, register, userId, {
      user: userId,
      device: deviceId,
      instance: instanceId,
      connection: connectionId,
      previousOrder: previous?.order ?? "",
    });
    if (result.kind === "registered" || result.kind === "repeated") {
      shard.saw(result.version);
      if (connectionId === "") this.#known.set(userId, deviceId, result.sessionId);
    }
    return result;
  }

  unregister(shard: Shard, { userId, deviceId, sessionId, reason }: SessionEnding): Promise<UnregisterResult> {
    const args = { user: userId, device: deviceId, session: sessionId, reason };
    return this.#decide(shard, unregister, userId, args);
  }

  async tick(shard: Shard, limit: number): Promise<Tick> {
    const { meta, deadlines, log, live, recordPrefix } = shard.keys;
    const sentAtMs = this.#clock.monotonicMs();
    const args = { limit, reckonedMs: shard.clock.highestMs, recordPrefix };
    const result = await this.#scripts.run(tick, { meta, deadlines, log, live }, args);
    shard.clock.ticked(result.clockMs, sentAtMs);
    shard.saw(result.lastVersion);
    return result;
  }

  /**
   * Extends the deadlines that are there to a TTL from now.
   * @param members see sessionMember
   * @returns how many have a later deadline than before
   */
  async extend(shard: Shard, members: readonly string[]): Promise<number> {
    const clockMs = shard.clock.readMs(this.#clock.monotonicMs()) ?? (await this.tick(shard, 0)).clockMs;
    const deadlineMs = String(clockMs + this.#ttlMs);
    const command = ["ZADD", shard.keys.deadlines, "XX", "GT", "CH"];
    for (const member of members) command.push(deadlineMs, member);
    try {
      return integer(await this.#connection.send(command));
    } catch (error) {
      if (codeBehind(error) !== "OOM") throw error;
      const { deadlines } = shard.keys;
      return this.#scripts.run(refresh, { deadlines }, { deadlineMs, members: members.join("\n") });
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
    const args = { user: userId, device: deviceId, session: sessionId };
    const result = await this.#decide(shard, heartbeat, userId, args);
    if (sessionId === "") {
      if (result.kind === "refreshed") this.#known.set(userId, deviceId, result.sessionId);
      else this.#known.delete(userId, deviceId);
    }
    return result;
  }

  /** Runs a script that needs the shard's clock, which only a tick may start; without it nothing was done. */
  async #decide<Arg extends string, Result>(
    shard: Shard,
    script: Script<"record" | "deadlines" | "log" | "meta" | "live", Arg, Result>,
    userId: string,
    args: Values<Arg>,
  ): Promise<Result> {
    const { recordPrefix, deadlines, log, meta, live } = shard.keys;
    const keys = { record: recordPrefix + userId, deadlines, log, meta, live };
    try {
      return await this.#scripts.run(script, keys, args);
    } catch (error) {
      if (codeBehind(error) !== "NOCLOCK") throw error;
    }
    await this.tick(shard, 0);
    return this.#scripts.run(script, keys, args);
  }
}
