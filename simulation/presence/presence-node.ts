import type { Service } from "@realchat/presence-rpc";
import type { LeasePace } from "../../services/presence/domain/lease.ts";
import { defaultLimits } from "../../services/presence/domain/limits.ts";
import { defaultRules } from "../../services/presence/domain/rules.ts";
import { shardOf } from "../../services/presence/domain/shard.ts";
import type { EventPublisher } from "../../services/presence/events/publisher.ts";
import { presenceApi } from "../../services/presence/rpc/presence-api.ts";
import { PresenceService } from "../../services/presence/service/presence-service.ts";
import { ShardWork } from "../../services/presence/shards/shard-work.ts";
import type { PresenceStore } from "../../services/presence/store/store.ts";
import { WatchHub } from "../../services/presence/watch/watch-hub.ts";
import type { Machine } from "../time/machine.ts";

/** A node of presence as services/presence/main.ts puts it together, but for the server in front. */
export class PresenceNode {
  readonly machine: Machine;
  readonly store: PresenceStore;
  readonly service: Service;
  readonly #publisher: EventPublisher;
  readonly #work: ShardWork;
  readonly #watches: WatchHub;
  #isDraining = false;

  constructor(options: {
    readonly machine: Machine;
    readonly store: PresenceStore;
    readonly publisher: EventPublisher;
    readonly ttlMs: number;
    readonly heartbeatIntervalMs: number;
    readonly leases: LeasePace;
  }) {
    const { machine, store, publisher, ttlMs, heartbeatIntervalMs, leases } = options;
    this.machine = machine;
    this.store = store;
    this.#publisher = publisher;
    this.#watches = new WatchHub((userId) => shardOf(userId, store.shardCount));
    this.#work = new ShardWork({
      store,
      publishers: [publisher],
      nodeId: machine.name,
      ttlMs,
      clock: machine,
      onEntry: (entry) => this.#watches.entry(entry),
      onDevicesChanged: (userId) => this.#watches.devicesChanged(userId),
      onLeaseNotice: (notice) => this.#watches.leaseNotice(notice),
      onNoticesMissed: () => this.#watches.noticesMissed(),
      onRecovering: (shard) => this.#watches.recovering(shard),
      onRecovered: (shard) => this.#watches.recovered(shard),
      onGap: (shard) => this.#watches.gap(shard),
      onMended() {},
      onOverflow() {},
      onRestating() {},
      onRestated() {},
    });
    const service = new PresenceService({
      store,
      watches: this.#watches,
      limits: defaultLimits,
      followsAllShards: () => this.#work.followsAllShards,
      ...{ rules: defaultRules, clock: machine },
    });
    const pace = { ttlMs, heartbeatIntervalMs, lastSeenRetentionMs: 0, leases };
    this.service = presenceApi(service, pace, machine, (_method, bug) => {
      throw bug;
    });
  }

  async start(): Promise<void> {
    await this.#publisher.open();
    await this.store.open();
    this.#work.start();
  }

  /** Whether its health service says SERVING. */
  get isServing(): boolean {
    const { ready, serves } = this.store.health();
    return !this.#isDraining && serves && (this.#work.followsAllShards || !ready);
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Goes away as it does at a deployment. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    this.#watches.closeAll();
    await Promise.all([this.#work.stop(), this.#publisher.close(1_000)]);
    await this.store.close();
  }
}
