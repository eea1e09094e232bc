import { integer, list, type Reply, text } from "@realchat/presence-redis";
import type { Clock } from "@realchat/presence-runtime";
import { invariant } from "../../../domain/invariant.ts";
import { plainStatus, type StatusClaim } from "../../../domain/status.ts";
import type { StatusView, UserView } from "../../store.ts";
import type { ShardState } from "../shard/shard-state.ts";
import type { Unreadables } from "./unreadables.ts";
import { decodeClaims, decodeUser, unknownUser, userWithoutRecord } from "./user-record.ts";

/** Users asked for in one round trip. */
const roundTripMaxUsers = 1_000;
/** Keys looked at by one SCAN: about 0.1 ms of Redis. */
const scanCount = 1_000;
/** How often a shard may begin anew while its users are read. */
const attemptsMax = 3;

interface ReadRecords {
  readonly views: UserView[];
  /** What they were read from. */
  readonly records: readonly Reply[];
  /** Who reads offline is so by the data that this node knew when it asked. */
  readonly isKnown: boolean;
}

/**
 * Reads users' records. Who reads offline is so only by the data that this node knows: a shard that lost its data, or
 * began anew unknown to this node, is ticked and read again.
 */
export class UserReader {
  readonly #tick: (shard: ShardState) => Promise<unknown>;
  readonly #clock: Clock;
  readonly #shardOf: (userId: string) => ShardState;
  readonly #unreadable: Unreadables;
  readonly #retentionMs: number;

  constructor(parts: {
    tick: (shard: ShardState) => Promise<unknown>;
    shardOf: (userId: string) => ShardState;
    unreadable: Unreadables;
    clock: Clock;
    retentionMs: number;
  }) {
    this.#tick = parts.tick;
    this.#shardOf = parts.shardOf;
    this.#unreadable = parts.unreadable;
    this.#clock = parts.clock;
    this.#retentionMs = parts.retentionMs;
  }

  /** @returns one view per id, in the order asked */
  async read(userIds: readonly string[]): Promise<UserView[]> {
    const views: UserView[] = [];
    for (let start = 0; start < userIds.length; start += roundTripMaxUsers) {
      views.push(...(await this.#readOnce(userIds.slice(start, start + roundTripMaxUsers))));
    }
    return views;
  }

  /**
   * Looks through the records rather than the deadlines: a record stays where it is while its user reconnects, a
   * deadline gets another member, and SCAN promises to find only what was there all the time.
   * @throws PresenceError UNAVAILABLE when the shard began anew meanwhile
   */
  async *scanOnline(shard: ShardState): AsyncIterable<UserView[]> {
    const { recordPrefix } = shard.keys;
    if (!shard.isProven) await this.#tick(shard);
    const { incarnation } = shard.witness;
    const options = ["MATCH", `${recordPrefix}*`, "COUNT", String(scanCount)];
    let cursor = "0";
    do {
      const [next, keys] = list(await shard.link.send(["SCAN", cursor, ...options]));
      cursor = text(next);
      const userIds = list(keys).map((key) => text(key).slice(recordPrefix.length));
      const { views } = await this.#viewsOf(shard, userIds);
      const told = views.filter(isTold);
      if (told.length > 0) yield told;
    } while (cursor !== "0");
    // There is no such key. While the slot migrates, the server refuses to say so: users who went ahead were not found.
    await shard.link.send(["EXISTS", recordPrefix]);
    if (!(await this.#isStill(shard, incarnation))) throw shard.link.failure(beganAnew(shard));
  }

  /** One MGET per shard, all in one round trip. Users of shards that cannot be asked now are unknown, if others can. */
  async #readOnce(userIds: readonly string[]): Promise<UserView[]> {
    const places = Map.groupBy(userIds.keys(), (place) => this.#shardOf(userIds[place] as string));
    const views = new Array<UserView>(userIds.length);
    const failures: unknown[] = [];
    const readInto = async (shard: ShardState, inShard: readonly number[]) => {
      const ids = inShard.map((place) => userIds[place] as string);
      const found = await this.#readShard(shard, ids).catch((error: Error) => {
        failures.push(error);
        return { views: ids.map((userId) => unknownUser(userId, shard.number, error)) };
      });
      for (const [index, place] of inShard.entries()) views[place] = found.views[index] as UserView;
    };
    await Promise.all([...places].map(([shard, inShard]) => readInto(shard, inShard)));
    if (failures.length > 0 && failures.length === places.size) throw failures[0];
    return views;
  }

  async #readShard(shard: ShardState, userIds: readonly string[]): Promise<Omit<ReadRecords, "isKnown">> {
    if (!shard.isProven) await this.#tick(shard);
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const read = await this.#viewsOf(shard, userIds);
      if (read.isKnown) return read;
      await this.#tick(shard);
    }
    throw shard.link.failure(beganAnew(shard));
  }

  async #viewsOf(shard: ShardState, userIds: readonly string[]): Promise<ReadRecords> {
    if (userIds.length === 0) return { views: [], records: [], isKnown: true };
    const knownVersion = shard.lastVersion;
    const { incarnation } = shard.witness;
    const keys = userIds.map((userId) => shard.keys.recordPrefix + userId);
    const records = list(await shard.link.send(["MGET", ...keys]));
    const [misfits, isKnown] = await Promise.all([
      this.#typesOf(
        shard,
        keys.filter((_, index) => typeof records[index] !== "string"),
      ),
      records.every(isOnline) || this.#isStill(shard, incarnation),
    ]);
    const { hiddenLeases, time } = shard;
    const nowMs = Math.floor(this.#clock.nowUs() / 1000);
    const readBy = { nowMs, aheadUs: time.orderAheadUs, hiddenLeases, retentionMs: this.#retentionMs };
    const views = userIds.map((userId, index) => {
      const record = records[index];
      if (typeof record !== "string") {
        const type = misfits.get(keys[index] as string);
        if (type === undefined) return userWithoutRecord(userId, shard.number, knownVersion);
        return this.#unknown(shard, userId, `is a ${type}, not a string`);
      }
      const view = decodeUser(userId, shard.number, record, readBy);
      if (view === undefined) return this.#unknown(shard, userId, "is malformed");
      shard.saw(view.version);
      return view;
    });
    return { views, records, isKnown };
  }

  /** @throws PresenceError DATA_LOSS when the record cannot be read */
  async claimsOf(userId: string): Promise<{ readonly claims: readonly StatusClaim[] } & StatusView> {
    const { views, records } = await this.#readShard(this.#shardOf(userId), [userId]);
    const [view, record] = [views[0], records[0]];
    invariant(view !== undefined, "a view for each user");
    if (view.unknown !== undefined) throw view.unknown;
    const { version, online, status = plainStatus(online) } = view;
    return { claims: (typeof record === "string" && decodeClaims(record)) || [], version, status };
  }

  /** Whether the shard's data is that of this incarnation, after all that was asked before. */
  async #isStill({ keys, link }: ShardState, incarnation: string): Promise<boolean> {
    return (await link.send(["HGET", keys.meta, "incarnation"])) === incarnation;
  }

  #unknown(shard: ShardState, userId: string, why: string): UserView {
    return unknownUser(userId, shard.number, this.#unreadable.record(shard, userId, why));
  }

  /**
   * To MGET, what is no string is not there.
   * @param keys of which MGET found nothing
   * @returns the types of those that hold something else than a record
   */
  async #typesOf({ link }: ShardState, keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const types = new Map<string, string>();
    if (keys.length === 0 || integer(await link.send(["EXISTS", ...keys])) === 0) return types;
    const read = async (key: string) => {
      const type = text(await link.send(["TYPE", key]));
      // A string came in the meantime; none was there when it was asked for.
      if (type !== "none" && type !== "string") types.set(key, type);
    };
    await Promise.all(keys.map(read));
    return types;
  }
}

/** Whether a record says that its user is online: offline ones begin with a minus. */
function isOnline(record: Reply): boolean {
  return typeof record === "string" && !record.startsWith("-");
}

function isTold({ online, unknown }: UserView): boolean {
  return online || unknown !== undefined;
}

function beganAnew({ number }: ShardState): Error {
  return new Error(`shard ${number} began anew while it was read`);
}
