import type { Clock } from "@realchat/presence-runtime";
import type { LeaseNotice } from "../domain/lease-notice.ts";
import { isMark, type LogEntry } from "../domain/log-entry.ts";
import type { Transition } from "../domain/transition.ts";
import type { EventPublisher } from "../events/publisher.ts";
import type { Mended, PresenceStore, Tick } from "../store/store.ts";
import { LogTail } from "./log-tail.ts";
import { Publishing, type PublishingMetrics } from "./publishing.ts";
import { RecordWalk } from "./record-walk.ts";
import { type Restated, Restating } from "./restating.ts";
import { Ticker } from "./ticker.ts";

interface ShardWorkOptions {
  readonly store: PresenceStore;
  readonly publishers: readonly EventPublisher[];
  readonly nodeId: string;
  readonly ttlMs: number;
  readonly clock: Clock;
  /** Called with every transition of every shard, in the order of each shard's log. */
  readonly onEntry: (transition: Transition, isPublishedHere: boolean) => void;
  /** A device of a user came or went; the user stays online by another one. */
  readonly onDevicesChanged: (userId: string) => void;
  /** For the process that holds the lease, if it watches that here. */
  readonly onLeaseNotice: (notice: LeaseNotice) => void;
  /** Such notices may have been missed. */
  readonly onNoticesMissed: () => void;
  /** This shard began anew, perhaps while it recovered, and whoever looks offline may be online. */
  readonly onRecovering: (shard: number) => void;
  /** It is over: what was known of the shard's users before may be wrong. */
  readonly onRecovered: (shard: number) => void;
  /** Transitions of this shard were missed. */
  readonly onGap: (shard: number) => void;
  /** Entries were trimmed before this publisher accepted them: all who are online will be restated. */
  readonly onOverflow: (shard: number, publisher: string) => void;
  /** It begins to say again who is online in these shards. */
  readonly onRestating: (shards: readonly number[]) => void;
  readonly onRestated: (restated: Restated) => void;
  /** Records and deadlines contradicted each other, and were repaired. */
  readonly onMended: (mended: Mended) => void;
}

/** A node's background work: it ticks and tails every shard, and publishes its share of them. */
export class ShardWork {
  readonly #options: ShardWorkOptions;
  readonly #tails: readonly LogTail[];
  readonly #ticker: Ticker;
  readonly #publishing: Publishing;
  readonly #walk: RecordWalk;
  readonly #restating: Restating;
  /** Shards that recover, as was told, and since which begin; 0: it is not known yet. */
  readonly #recovering = new Map<number, number>();

  constructor(options: ShardWorkOptions) {
    const { store, publishers, nodeId, ttlMs, clock, onEntry, onDevicesChanged, onGap, onOverflow, onMended } = options;
    const { onLeaseNotice, onNoticesMissed, onRestating: onStarted, onRestated: onEnded } = options;
    const { shardCount } = store;
    this.#options = options;
    this.#publishing = new Publishing({ store, shardCount, nodeId, publishers, clock, onOverflow });
    this.#walk = new RecordWalk({ store, held: () => this.#publishing.held, clock, onMended });
    const duties = () => this.#publishing.duties;
    this.#restating = new Restating({ store, shardCount, duties, clock, onStarted, onEnded });
    const reader = {
      entry: (entry: LogEntry) => {
        this.#publishing.announce(entry);
        if (!isMark(entry)) onEntry(entry, this.#publishing.holds(entry.shard));
      },
      begins: (shard: number) => this.#publishing.readAgain(shard),
      gap: (shard: number) => {
        this.#publishing.readAgain(shard);
        // Its end makes good for it, and until then what is left would look as if all others were offline.
        if (store.isRecovering(shard)) this.#noteRecovering(shard, this.#recovering.get(shard) ?? 0);
        else onGap(shard);
      },
      devicesChanged: onDevicesChanged,
      leaseNotice: onLeaseNotice,
      interrupted: onNoticesMissed,
    };
    this.#tails = Array.from({ length: shardCount }, (_, shard) => new LogTail(store, shard, reader));
    const onTick = (shard: number, tick: Tick) => {
      this.#tails[shard]?.onTick(tick.lastVersion);
      this.#noteRecovering(shard, tick.recoveringMs > 0 ? tick.begin : undefined);
      this.#restating.onTick(shard, tick);
    };
    this.#ticker = new Ticker({ store, shardCount, ttlMs, clock, onTick });
  }

  start(): void {
    for (const tail of this.#tails) tail.start();
    this.#ticker.start();
    this.#publishing.start();
    this.#walk.start();
    this.#restating.start();
  }

  /** Releases the publisher leases and stops. Other nodes go on ticking. */
  async stop(): Promise<void> {
    this.#walk.stop();
    this.#restating.stop();
    await this.#publishing.stop();
    this.#ticker.stop();
    for (const tail of this.#tails) tail.stop();
  }

  /** @param begin undefined: it does not recover */
  #noteRecovering(shard: number, begin: number | undefined): void {
    const before = this.#recovering.get(shard);
    if (begin === before) return;
    if (begin === undefined) {
      this.#recovering.delete(shard);
      this.#options.onRecovered(shard);
    } else {
      this.#recovering.set(shard, begin);
      if (before !== 0) this.#options.onRecovering(shard);
    }
  }

  /** Whether every shard's log is followed, so that no transition from now on is missed. */
  get followsAllShards(): boolean {
    return this.#tails.every(({ position }) => position !== undefined);
  }

  /** Of all shards, so far. */
  get ticksWorked(): number {
    return this.#ticker.ticksWorked;
  }

  metrics(): {
    ticks: readonly Tick[];
    expired: number;
    expiriesFailed: number;
    ticksFailed: number;
    mended: Mended;
    restating: { readonly shards: number; readonly users: number };
    publishing: PublishingMetrics;
  } {
    const { expired, expiriesFailed, ticksFailed } = this.#ticker;
    const publishing = this.#publishing.metrics();
    const { mended } = this.#walk;
    return {
      ticks: this.#ticker.latest(),
      expired,
      expiriesFailed: expiriesFailed,
      ticksFailed: ticksFailed,
      mended,
      restating: { shards: this.#restating.shards, users: this.#restating.users },
      publishing,
    };
  }
}
