import {
  codeBehind,
  describe,
  type EvictionWatch,
  integer,
  list,
  type RedisLink,
  type RedisServer,
  type RedisServers,
} from "@realchat/presence-redis";
import type { Cancel, Clock } from "@realchat/presence-runtime";
import type { ShardKeys } from "../keys.ts";
import { isReadable, type StoreMark } from "./store-mark.ts";
import type { Troubles } from "./troubles.ts";

const periodMs = 1_000;

/**
 * Writes the store's mark again and again, in case it was lost; on a server that does not have it, the mark of a shard.
 * It changes nothing otherwise, and yet Redis refuses it like a registration when it has no memory for one: all else that
 * comes by itself is allowed then.
 */
export class StoreProbe {
  readonly #servers: RedisServers;
  readonly #keys: readonly ShardKeys[];
  readonly #storeKey: string;
  readonly #mark: StoreMark;
  readonly #onMark: (mark: StoreMark, link: RedisLink) => void;
  readonly #troubles: Troubles;
  /** Look after what the servers are set to do. */
  readonly #watches: readonly Pick<EvictionWatch, "look">[];
  readonly #clock: Clock;
  /** By the name of the server. */
  readonly #full = new Map<string, string>();
  readonly #underWay = new Set<string>();
  #stop: Cancel = () => {};

  constructor(parts: {
    servers: RedisServers;
    keys: readonly ShardKeys[];
    storeKey: string;
    mark: StoreMark;
    /** Hears that the store has another mark than ours. */
    onMark: (mark: StoreMark, link: RedisLink) => void;
    troubles: Troubles;
    watches: readonly Pick<EvictionWatch, "look">[];
    clock: Clock;
  }) {
    this.#servers = parts.servers;
    this.#keys = parts.keys;
    this.#storeKey = parts.storeKey;
    this.#mark = parts.mark;
    this.#onMark = parts.onMark;
    this.#troubles = parts.troubles;
    this.#watches = parts.watches;
    this.#clock = parts.clock;
  }

  /** Why no new session is taken; undefined when they are. */
  get full(): string | undefined {
    const [first] = this.#full.values();
    return first;
  }

  start(): void {
    this.#look();
    this.#stop = this.#clock.every(periodMs, () => this.#look());
  }

  stop(): void {
    this.#stop();
  }

  #look(): void {
    const { servers } = this.#servers;
    for (const name of this.#full.keys()) {
      if (!servers.some((server) => server.name === name)) this.#full.delete(name);
    }
    for (const server of servers) void this.#lookAt(server);
    for (const watch of this.#watches) void watch.look(this.#servers);
  }

  async #lookAt({ name, link, parts }: RedisServer): Promise<void> {
    if (this.#underWay.has(name) || !link.isReady) return;
    this.#underWay.add(name);
    const key = this.#keyOf(parts);
    try {
      await this.#write(link, key);
      this.#full.delete(name);
      this.#troubles.worked(key);
    } catch (error) {
      if (codeBehind(error) === "OOM") this.#full.set(name, `takes no new sessions: ${describe(error)}`);
      else this.#troubles.failed(key, error);
    }
    this.#underWay.delete(name);
  }

  #keyOf(parts: ReadonlySet<number>): string {
    const [first = this.#keys.length] = [...parts];
    return parts.has(this.#keys.length) ? this.#storeKey : (this.#keys[first] as ShardKeys).meta;
  }

  async #write(link: RedisLink, key: string): Promise<void> {
    const { schema, shards } = this.#mark;
    const commands = [
      ["HSETNX", key, "schema", String(schema)],
      ["HSETNX", key, "shards", String(shards)],
      ["HMGET", key, "schema", "shards"],
    ];
    const [, , found] = await Promise.all(commands.map((command) => link.send(command)));
    const [itsSchema, itsShards] = list(found).map(integer) as [number, number];
    const its: StoreMark = { schema: itsSchema, shards: itsShards };
    if (!isReadable(its, this.#mark) || its.shards !== shards) this.#onMark(its, link);
  }
}
