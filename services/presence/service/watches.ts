import type { Limits } from "../domain/limits.ts";
import { isOfOneUser, PresenceError } from "../domain/presence-error.ts";
import { shardOf } from "../domain/shard.ts";
import type { SessionStore, ShardKeeping, TransitionLog, UserView } from "../store/store.ts";
import type { DeviceWatcher } from "../watch/device-watcher.ts";
import type { LeaseWatcher } from "../watch/lease-watcher.ts";
import type { WatchHub } from "../watch/watch-hub.ts";
import type { Watcher } from "../watch/watcher.ts";
import { checkId, checkUsers } from "./request-checks.ts";

/** How long a caller is advised to wait when this node is not ready yet, ms. */
const retryAfterMs = 500;
const snapshotPage = 500;

export interface Watching {
  readonly watcher: Watcher;
  /** Whether a shard of these users lost its data less than a TTL ago: those who are not online may be. */
  isRecovering(): boolean;
  /** The users asked for, or when none was named those online and those unknown, in pages. */
  snapshot(): AsyncIterable<UserView[]>;
}

type WatchedStore = Pick<SessionStore, "users"> &
  Pick<TransitionLog, "scanOnline"> &
  Pick<ShardKeeping, "isRecovering"> & { readonly shardCount: number };

/** Streams of changes, and where they start. All methods throw PresenceError. */
export class Watches {
  readonly #store: WatchedStore;
  readonly #hub: WatchHub;
  readonly #limits: Limits;
  readonly #followsAllShards: () => boolean;

  /** @param followsAllShards whether this node hears of every change: a watch that starts earlier would miss some */
  constructor(store: WatchedStore, hub: WatchHub, limits: Limits, followsAllShards: () => boolean) {
    this.#store = store;
    this.#hub = hub;
    this.#limits = limits;
    this.#followsAllShards = followsAllShards;
  }

  /** Starts to watch these users, or everyone when none is named; close the watcher when done. */
  users(userIds: readonly string[]): Watching {
    checkUsers(userIds, this.#limits);
    const watcher = this.#opened(() => this.#hub.open(userIds));
    const named = [...new Set(userIds)];
    const shards = new Set(named.length === 0 ? this.#allShards() : named.map((userId) => this.#shardOf(userId)));
    // The watcher hears of it a tick later, and a snapshot must not be complete without.
    const isRecovering = () => watcher.isRecovering || [...shards].some((shard) => this.#store.isRecovering(shard));
    return {
      watcher,
      isRecovering,
      snapshot: () => (named.length === 0 ? this.#everyoneOnline() : this.#pagesOf(named)),
    };
  }

  /** Starts to watch whose devices change; close the watcher when done. */
  devices(): DeviceWatcher {
    return this.#opened(() => this.#hub.openDevices());
  }

  /** Starts to watch what becomes of sessions under a lease; close the watcher when done. */
  lease(leaseId: string): LeaseWatcher {
    checkId("lease_id", leaseId, this.#limits);
    return this.#opened(() => this.#hub.openLease(leaseId));
  }

  #opened<Opened>(open: () => Opened | undefined): Opened {
    if (!this.#followsAllShards()) {
      throw new PresenceError("UNAVAILABLE", "this node does not hear of all changes yet: try again", { retryAfterMs });
    }
    const watcher = open();
    if (watcher !== undefined) return watcher;
    throw new PresenceError(
      "RESOURCE_EXHAUSTED",
      `this node serves ${this.#hub.limit} watches, limit ${this.#hub.limit}: ` +
        "watch more users on one stream, or another node",
    );
  }

  async *#pagesOf(userIds: readonly string[]): AsyncIterable<UserView[]> {
    for (let start = 0; start < userIds.length; start += snapshotPage) {
      const views = await this.#store.users(userIds.slice(start, start + snapshotPage));
      // Nobody asks again after a snapshot: it has all who can be read, or there is none.
      const away = views.find(({ unknown }) => unknown !== undefined && !isOfOneUser(unknown));
      if (away !== undefined) throw away.unknown;
      yield views;
    }
  }

  async *#everyoneOnline(): AsyncIterable<UserView[]> {
    for (const shard of this.#allShards()) yield* this.#store.scanOnline(shard);
  }

  #allShards(): number[] {
    return Array.from({ length: this.#store.shardCount }, (_, shard) => shard);
  }

  #shardOf(userId: string): number {
    return shardOf(userId, this.#store.shardCount);
  }
}
