import type { Clock } from "@realchat/presence-runtime";
import type { Limits } from "../domain/limits.ts";
import type {
  DeviceView,
  GatewayLeases,
  SessionListing,
  SessionStore,
  ShardKeeping,
  StatusStore,
  TransitionLog,
  UserView,
} from "../store/store.ts";
import type { WatchHub } from "../watch/watch-hub.ts";
import { quote } from "./errors.ts";
import { Heartbeats } from "./heartbeats.ts";
import { Leases } from "./leases.ts";
import { checkId, checkUsers } from "./request-checks.ts";
import { SessionControl } from "./session-control.ts";
import { Sessions } from "./sessions.ts";
import { type StatusRules, UserStatuses } from "./user-status.ts";
import { Watches } from "./watches.ts";

type ServedStore = SessionStore &
  StatusStore &
  SessionListing &
  GatewayLeases &
  TransitionLog &
  Pick<ShardKeeping, "isRecovering" | "dataSince"> & { readonly shardCount: number };

/**
 * What presence does, in its own terms: checks what callers send, asks the store, and says what to do when that failed.
 * All methods throw or reject with PresenceError.
 */
export class PresenceService {
  readonly #store: ServedStore;
  readonly #limits: Limits;
  readonly sessions: Sessions;
  readonly heartbeats: Heartbeats;
  readonly leases: Leases;
  readonly watches: Watches;
  /** What operators do. */
  readonly control: SessionControl;
  /** What people see of users besides online and offline. */
  readonly statuses: UserStatuses;

  constructor(options: {
    store: ServedStore;
    watches: WatchHub;
    limits: Limits;
    followsAllShards: () => boolean;
    /** Why gateways get no leases of this node; absent: they do. */
    leasesRefused?: string | undefined;
    rules: StatusRules;
    clock: Pick<Clock, "nowUs">;
  }) {
    const { store, limits, rules, clock } = options;
    this.#store = store;
    this.#limits = limits;
    this.statuses = new UserStatuses({ store, limits, rules, nowMs: () => Math.floor(clock.nowUs() / 1_000) });
    this.sessions = new Sessions(store, limits, this.statuses);
    this.heartbeats = new Heartbeats(store, limits);
    this.leases = new Leases(store, limits, options.leasesRefused);
    this.watches = new Watches(store, options.watches, limits, options.followsAllShards);
    this.control = new SessionControl(store, limits);
  }

  /** One view per id, in the order asked, duplicates kept. */
  async users(userIds: readonly string[]): Promise<UserView[]> {
    checkUsers(userIds, this.#limits);
    return userIds.length === 0 ? [] : this.#store.users(userIds);
  }

  /** Whether the shard of one of these lost its data less than a TTL ago: those who are offline may be online. */
  isRecovering(views: readonly UserView[]): boolean {
    return views.some(({ shard }) => this.#store.isRecovering(shard));
  }

  /** @returns by shard of one of these that once began with nothing: the version at which that was */
  dataSince(views: readonly UserView[]): ReadonlyMap<number, number> {
    const since = new Map<number, number>();
    for (const { shard } of views) if (!since.has(shard)) since.set(shard, this.#store.dataSince(shard));
    for (const [shard, version] of since) if (version === 0) since.delete(shard);
    return since;
  }

  async devicesOf(userId: string): Promise<readonly DeviceView[]> {
    checkId("user_id", userId, this.#limits);
    const [view] = await this.#store.users([userId]);
    if (view === undefined) throw new Error(`the store answered nothing about ${quote(userId)}`);
    if (view.unknown !== undefined) throw view.unknown;
    return view.devices;
  }
}
