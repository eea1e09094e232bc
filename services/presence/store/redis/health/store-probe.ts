import { codeBehind, describe, integer, list, type RedisConnection } from "@realchat/presence-redis";
import type { Cancel, Clock } from "@realchat/presence-runtime";
import { storeKey } from "../keys.ts";
import type { StoreMark } from "./store-mark.ts";
import type { Troubles } from "./troubles.ts";

const periodMs = 1_000;

/**
 * Writes the store's mark again and again, in case it was lost. It changes nothing otherwise, and yet Redis refuses it
 * like a registration when it has no memory for one: all else that comes by itself is allowed then.
 */
export class StoreProbe {
  readonly #connection: RedisConnection;
  readonly #mark: StoreMark;
  readonly #onMark: (mark: StoreMark) => void;
  readonly #troubles: Troubles;
  readonly #clock: Clock;
  #full: string | undefined;
  #isUnderWay = false;
  #stop: Cancel = () => {};

  constructor(parts: {
    connection: RedisConnection;
    mark: StoreMark;
    /** Hears that the store has another mark than ours. */
    onMark: (mark: StoreMark) => void;
    troubles: Troubles;
    clock: Clock;
  }) {
    this.#connection = parts.connection;
    this.#mark = parts.mark;
    this.#onMark = parts.onMark;
    this.#troubles = parts.troubles;
    this.#clock = parts.clock;
  }

  /** Why no new session is taken; undefined when they are. */
  get full(): string | undefined {
    return this.#full;
  }

  start(): void {
    this.#stop = this.#clock.every(periodMs, () => void this.#look());
  }

  stop(): void {
    this.#stop();
  }

  async #look(): Promise<void> {
    if (this.#isUnderWay || !this.#connection.isReady) return;
    this.#isUnderWay = true;
    try {
      await this.#write();
      this.#full = undefined;
      this.#troubles.worked(storeKey);
    } catch (error) {
      if (codeBehind(error) === "OOM") this.#full = `takes no new sessions: ${describe(error)}`;
      else this.#troubles.failed(storeKey, error);
    }
    this.#isUnderWay = false;
  }

  async #write(): Promise<void> {
    const { schema, shards } = this.#mark;
    const commands = [
      ["HSETNX", storeKey, "schema", String(schema)],
      ["HSETNX", storeKey, "shards", String(shards)],
      ["HMGET", storeKey, "schema", "shards"],
    ];
    const [, , found] = await Promise.all(commands.map((command) => this.#connection.send(command)));
    const [itsSchema, itsShards] = list(found).map(integer) as [number, number];
    if (itsSchema !== schema || itsShards !== shards) this.#onMark({ schema: itsSchema, shards: itsShards });
  }
}
