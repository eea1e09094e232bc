import { type ConnectionOptions, type RedisClient, RedisConnection } from "@realchat/presence-redis";
import type { Clock } from "@realchat/presence-runtime";
import type { LogListener } from "../../store.ts";
import type { ShardKeys } from "../keys.ts";
import type { Unreadables } from "../records/unreadables.ts";
import { decodeAnnouncement } from "./log-entry.ts";

/** Hears the announcements of new log entries, on a connection of its own: RESP2 has no other way. */
export class LiveLog {
  readonly #keys: readonly ShardKeys[];
  readonly #connection: RedisConnection;
  /** By shard; a shard that was followed once stays subscribed. */
  readonly #listeners = new Map<number, Set<LogListener>>();
  /** What the present connection was asked to subscribe to, and whether it has. */
  #subscriptions = new Map<number, "asked" | "listening">();
  #client: RedisClient | undefined;
  readonly #onVersion: (shard: number, version: number) => void;
  readonly #unreadable: Unreadables;

  constructor(
    options: Omit<ConnectionOptions, "prepare" | "onLost">,
    parts: {
      readonly keys: readonly ShardKeys[];
      /** Hears of every version that comes by. */
      readonly onVersion: (shard: number, version: number) => void;
      readonly unreadable: Unreadables;
    },
    clock: Clock,
  ) {
    this.#keys = parts.keys;
    this.#onVersion = parts.onVersion;
    this.#unreadable = parts.unreadable;
    const prepare = async (client: RedisClient) => {
      this.#client = client;
      this.#subscriptions = new Map();
      await Promise.all([...this.#listeners.keys()].map((shard) => this.#subscribe(client, shard)));
      return "subscription";
    };
    const onLost = () => this.#forget();
    this.#connection = new RedisConnection({ ...options, prepare, onLost }, clock);
  }

  get isReady(): boolean {
    return this.#connection.isReady;
  }

  get detail(): string {
    return this.#connection.detail;
  }

  start(): Promise<void> {
    return this.#connection.start();
  }

  close(): void {
    this.#connection.close();
    this.#forget();
  }

  follow(shard: number, listener: LogListener): () => void {
    const listeners = this.#listeners.get(shard) ?? new Set();
    listeners.add(listener);
    this.#listeners.set(shard, listeners);
    if (this.#subscriptions.get(shard) === "listening") {
      queueMicrotask(() => {
        if (listeners.has(listener)) listener.interrupted();
      });
    } else if (this.#client !== undefined && !this.#subscriptions.has(shard)) {
      this.#subscribe(this.#client, shard).catch((error) => this.#connection.drop(error));
    }
    return () => {
      listeners.delete(listener);
    };
  }

  async #subscribe(client: RedisClient, shard: number): Promise<void> {
    const { live, devices } = this.#keys[shard] as ShardKeys;
    this.#subscriptions.set(shard, "asked");
    await Promise.all([
      client.sSubscribe(live, (message) => this.#hear(shard, message)),
      client.sSubscribe(devices, (message) => this.#hearDevices(shard, message)),
    ]);
    if (client !== this.#client) return;
    this.#subscriptions.set(shard, "listening");
    for (const listener of this.#listeners.get(shard) ?? []) listener.interrupted();
  }

  #hear(shard: number, message: string): void {
    const entries = decodeAnnouncement(message, shard);
    if (entries === undefined) {
      const key = (this.#keys[shard] as ShardKeys).live;
      this.#unreadable.entry({ key, id: "a message", why: "announces no entry" });
      return;
    }
    for (const entry of entries) {
      this.#onVersion(shard, entry.version);
      for (const listener of this.#listeners.get(shard) ?? []) listener.entry(entry);
    }
  }

  #hearDevices(shard: number, message: string): void {
    for (const userId of message.split("\0")) {
      for (const listener of this.#listeners.get(shard) ?? []) listener.devicesChanged?.(userId);
    }
  }

  #forget(): void {
    this.#client = undefined;
    this.#subscriptions = new Map();
  }
}
