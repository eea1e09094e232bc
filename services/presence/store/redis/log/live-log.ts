import type { RedisClient, RedisLink, RedisServers } from "@realchat/presence-redis";
import type { LogListener } from "../../store.ts";
import type { ShardKeys } from "../keys.ts";
import type { Unreadables } from "../records/unreadables.ts";
import { decodeNotices } from "./lease-notices.ts";
import { decodeAnnouncement, decodeTraces, traced } from "./log-entry.ts";

interface Subscription {
  readonly client: RedisClient;
  state: "none" | "asked" | "listening";
}

/** Hears the announcements of new log entries, on connections of its own: RESP2 has no other way. */
export class LiveLog {
  readonly #keys: readonly ShardKeys[];
  readonly #servers: RedisServers;
  /** By shard; a shard that was followed once stays subscribed. */
  readonly #listeners = new Map<number, Set<LogListener>>();
  /** By shard: the present connection to its server, and how far the subscription on it is. */
  readonly #subscriptions = new Map<number, Subscription>();
  /** By shard: traces of the entries that its next message announces. */
  readonly #traces = new Map<number, ReadonlyMap<number, string>>();
  readonly #onVersion: (shard: number, version: number) => void;
  readonly #unreadable: Unreadables;

  constructor(
    servers: RedisServers,
    parts: {
      readonly keys: readonly ShardKeys[];
      /** Hears of every version that comes by. */
      readonly onVersion: (shard: number, version: number) => void;
      readonly unreadable: Unreadables;
    },
  ) {
    this.#keys = parts.keys;
    this.#onVersion = parts.onVersion;
    this.#unreadable = parts.unreadable;
    const prepare = async (client: RedisClient, shards: readonly number[]) => {
      for (const shard of shards) this.#subscriptions.set(shard, { client, state: "none" });
      await Promise.all(shards.filter((shard) => this.#listeners.has(shard)).map((shard) => this.#subscribe(shard)));
      return "subscription";
    };
    const onLost = (shards: readonly number[]) => {
      for (const shard of shards) this.#subscriptions.delete(shard);
    };
    this.#servers = servers.beside({ prepare, onLost });
  }

  isReady(shard: number): boolean {
    return (this.#servers.links[shard] as RedisLink).isReady;
  }

  get losses(): RedisServers["losses"] {
    return this.#servers.losses;
  }

  get detail(): string {
    return this.#servers.detail;
  }

  start(): Promise<void> {
    return this.#servers.start();
  }

  close(): void {
    this.#servers.close();
    this.#subscriptions.clear();
  }

  follow(shard: number, listener: LogListener): () => void {
    const listeners = this.#listeners.get(shard) ?? new Set();
    listeners.add(listener);
    this.#listeners.set(shard, listeners);
    const state = this.#subscriptions.get(shard)?.state;
    if (state === "listening") {
      queueMicrotask(() => {
        if (listeners.has(listener)) listener.interrupted();
      });
    } else if (state === "none") {
      this.#subscribe(shard).catch((error) => (this.#servers.links[shard] as RedisLink).drop(error));
    }
    return () => {
      listeners.delete(listener);
    };
  }

  async #subscribe(shard: number): Promise<void> {
    const subscription = this.#subscriptions.get(shard);
    if (subscription === undefined) return;
    const { client } = subscription;
    const { live, devices, notices, traces } = this.#keys[shard] as ShardKeys;
    subscription.state = "asked";
    await Promise.all([
      client.sSubscribe(traces, (message) => void this.#traces.set(shard, decodeTraces(message))),
      client.sSubscribe(live, (message) => this.#hear(shard, message)),
      client.sSubscribe(devices, (message) => this.#hearDevices(shard, message)),
      client.sSubscribe(notices, (message) => this.#hearNotices(shard, message)),
    ]);
    if (this.#subscriptions.get(shard) !== subscription) return;
    subscription.state = "listening";
    for (const listener of this.#listeners.get(shard) ?? []) listener.interrupted();
  }

  #hear(shard: number, message: string): void {
    const entries = decodeAnnouncement(message, shard);
    if (entries === undefined) {
      const key = (this.#keys[shard] as ShardKeys).live;
      this.#unreadable.entry({ key, id: "a message", why: "announces no entry" });
      return;
    }
    const traces = this.#traces.get(shard);
    if (traces !== undefined) this.#traces.delete(shard);
    for (const announced of entries) {
      const entry = traced(announced, traces?.get(announced.version));
      this.#onVersion(shard, entry.version);
      for (const listener of this.#listeners.get(shard) ?? []) listener.entry(entry);
    }
  }

  #hearDevices(shard: number, message: string): void {
    for (const userId of message.split("\0")) {
      for (const listener of this.#listeners.get(shard) ?? []) listener.devicesChanged?.(userId);
    }
  }

  #hearNotices(shard: number, message: string): void {
    for (const notice of decodeNotices(message)) {
      for (const listener of this.#listeners.get(shard) ?? []) listener.leaseNotice?.(notice);
    }
  }
}
