import { type Cancel, type Clock, pause } from "@realchat/presence-runtime/clock";
import type { Transition } from "../domain/transition.ts";
import type { EventPublisher } from "../events/publisher.ts";
import type { PublisherLease, PublisherLeases, TransitionLog } from "../store/store.ts";
import { Outbox } from "./outbox.ts";

/** A dead node's shards move within leaseMs + renewMs, which must stay below 2 s (P2). */
const leaseMs = 1_200;
const renewMs = 400;
/** Cursors are saved this often: what lies in between is sent again when the node dies. */
const saveMs = 100;
const batchMax = 1_000;
const retryMinMs = 50;
const retryMaxMs = 1_000;

/** A shard whose log this node publishes. */
interface Duty {
  readonly shard: number;
  readonly fence: number;
  /** Monotonic ms; afterwards another node may hold the lease, so nothing is sent. */
  leasedUntilMs: number;
  readonly outboxes: ReadonlyMap<EventPublisher, Outbox>;
  /** A cursor moved since it was last saved. */
  unsaved: boolean;
}

export interface PublishingMetrics {
  readonly shardsHeld: number;
  /** By publisher: age of the oldest unsent entry, ms. */
  readonly lagMs: Readonly<Record<string, number>>;
  /** Times that entries were trimmed from a log before they were published. */
  readonly overflows: number;
}

export interface PublishingOptions {
  readonly store: PublisherLeases & TransitionLog;
  readonly shardCount: number;
  readonly nodeId: string;
  readonly publishers: readonly EventPublisher[];
  readonly clock: Clock;
  readonly onOverflow: (shard: number, publisher: string) => void;
}

/**
 * Publishes the logs of this node's share of the shards. One node at a time holds a shard's lease; each publisher has
 * its own cursor in the log and one send in flight, so a slow one does not hold up another. A new holder starts at the
 * saved cursors: repetitions are possible, gaps are not (P4).
 */
export class Publishing {
  readonly #options: PublishingOptions;
  readonly #duties = new Map<number, Duty>();
  readonly #stopping = new AbortController();
  readonly #wakers = new Map<EventPublisher, () => void>();
  readonly #timers: Cancel[] = [];
  #loops: Promise<void>[] = [];
  #settlingLeases: Promise<void> | undefined;
  #saving: Promise<void> | undefined;
  #overflows = 0;
  /** As last heard. */
  #nodes = 1;

  constructor(options: PublishingOptions) {
    this.#options = options;
  }

  start(): void {
    const { clock, publishers } = this.#options;
    this.#timers.push(clock.every(renewMs, () => this.#settleLeases()));
    this.#timers.push(clock.every(saveMs, () => this.#saveCursors()));
    this.#settleLeases();
    this.#loops = publishers.map((publisher) => this.#publishForever(publisher));
  }

  /** Finishes the sends under way, saves the cursors and hands the shards over at once. */
  async stop(): Promise<void> {
    const { store, nodeId } = this.#options;
    this.#stopping.abort();
    for (const cancel of this.#timers) cancel();
    this.#wakeAll();
    await Promise.all([...this.#loops, this.#settlingLeases]);
    await this.#saving;
    await this.#saveCursors();
    const shards = [...this.#duties.keys()];
    this.#duties.clear();
    await Promise.allSettled([store.withdrawNode(nodeId), ...shards.map((shard) => store.release(shard, nodeId))]);
  }

  /** A shard's next log entry, in order. */
  announce(transition: Transition): void {
    const duty = this.#duties.get(transition.shard);
    if (duty === undefined) return;
    for (const outbox of duty.outboxes.values()) outbox.announce(transition);
    this.#wakeAll();
  }

  /** Shards that this node publishes. */
  get held(): ReadonlySet<number> {
    return new Set(this.#duties.keys());
  }

  /** Whether this node publishes the shard. */
  holds(shard: number): boolean {
    return this.#duties.has(shard);
  }

  metrics(): PublishingMetrics {
    const nowUs = this.#options.clock.nowUs();
    const lagMs: Record<string, number> = {};
    for (const publisher of this.#options.publishers) {
      let oldestUs = nowUs;
      for (const duty of this.#duties.values()) {
        oldestUs = Math.min(oldestUs, duty.outboxes.get(publisher)?.oldestPending ?? nowUs);
      }
      lagMs[publisher.name] = (nowUs - oldestUs) / 1000;
    }
    return { shardsHeld: this.#duties.size, lagMs, overflows: this.#overflows };
  }

  #wakeAll(): void {
    for (const wake of this.#wakers.values()) wake();
  }

  #settleLeases(): Promise<void> {
    this.#settlingLeases ??= this.#claimFairShare().finally(() => {
      this.#settlingLeases = undefined;
      this.#wakeAll();
    });
    return this.#settlingLeases;
  }

  async #claimFairShare(): Promise<void> {
    const { store, shardCount, nodeId } = this.#options;
    // Each for itself: what is wrong with the list of nodes or with a shard must not keep the others from being published.
    await store.announceNode(nodeId, leaseMs).then(
      (nodes) => {
        this.#nodes = Math.max(1, nodes);
      },
      () => {},
    );
    const share = Math.ceil(shardCount / this.#nodes);
    await Promise.all([...this.#duties.values()].map((duty) => this.#tryToClaim(duty.shard)));
    for (const shard of [...this.#duties.keys()].slice(share)) await this.#handOver(shard).catch(() => {});
    // Each node starts elsewhere, so that nodes seldom compete for the same shard.
    const start = Math.floor(this.#options.clock.random() * shardCount);
    for (let step = 0; step < shardCount && this.#duties.size < share; step++) {
      if (this.#stopping.signal.aborted) return;
      const shard = (start + step) % shardCount;
      if (!this.#duties.has(shard)) await this.#tryToClaim(shard);
    }
  }

  /** The store may not answer. What is held runs out by itself then, here (leasedUntilMs) as there. */
  async #tryToClaim(shard: number): Promise<void> {
    await this.#claim(shard).catch(() => {});
  }

  async #claim(shard: number): Promise<void> {
    const { store, nodeId, clock, publishers } = this.#options;
    const askedMs = clock.monotonicMs();
    const lease = await store.claim(shard, nodeId, leaseMs);
    const held = this.#duties.get(shard);
    if (lease === undefined) {
      this.#duties.delete(shard);
    } else if (held !== undefined && held.fence === lease.fence) {
      held.leasedUntilMs = askedMs + leaseMs;
    } else {
      this.#duties.set(shard, newDuty(shard, lease, askedMs + leaseMs, publishers));
    }
  }

  async #handOver(shard: number): Promise<void> {
    const duty = this.#duties.get(shard);
    this.#duties.delete(shard);
    if (duty?.unsaved) await this.#save(duty);
    await this.#options.store.release(shard, this.#options.nodeId);
  }

  async #publishForever(publisher: EventPublisher): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stopping;
    let retryMs = retryMinMs;
    while (!signal.aborted) {
      const woken = new Promise<void>((resolve) => this.#wakers.set(publisher, resolve));
      try {
        const sent = await this.#publishBatch(publisher);
        retryMs = retryMinMs;
        if (sent === 0) await woken;
      } catch {
        // The broker or the store did not take it: the entries stay in the log, and the same ones go out again.
        await pause(clock, retryMs * (0.5 + clock.random() / 2), signal);
        retryMs = Math.min(retryMs * 2, retryMaxMs);
      }
    }
  }

  /** One send of what is next in all shards. @returns how many entries the publisher accepted */
  async #publishBatch(publisher: EventPublisher): Promise<number> {
    const parts: { duty: Duty; outbox: Outbox; entries: Transition[] }[] = [];
    let room = batchMax;
    for (const duty of this.#duties.values()) {
      const outbox = duty.outboxes.get(publisher);
      if (outbox === undefined || !outbox.hasWork || room === 0) continue;
      const read = (after: number, limit: number) => this.#readLog(duty.shard, publisher, after, limit);
      // A log that cannot be read waits for the next time, and the others do not wait for it.
      const entries = await outbox.next(room, read).catch(() => []);
      room -= entries.length;
      parts.push({ duty, outbox, entries });
    }
    const nowMs = this.#options.clock.monotonicMs();
    const leased = parts.filter(({ duty }) => nowMs < duty.leasedUntilMs && this.#duties.get(duty.shard) === duty);
    const batch = leased.flatMap(({ entries }) => entries);
    if (batch.length === 0) return 0;
    await publisher.publish(batch);
    for (const { duty, outbox, entries } of leased) {
      outbox.accepted(entries);
      duty.unsaved = true;
    }
    return batch.length;
  }

  async #readLog(shard: number, publisher: EventPublisher, after: number, limit: number): Promise<Transition[]> {
    const page = await this.#options.store.readLog(shard, after, limit);
    if (page.gap) {
      this.#overflows++;
      this.#options.onOverflow(shard, publisher.name);
    }
    return page.entries;
  }

  #saveCursors(): Promise<void> {
    this.#saving ??= Promise.all(
      [...this.#duties.values()].filter((duty) => duty.unsaved).map((duty) => this.#save(duty)),
    )
      .then(() => undefined)
      .finally(() => {
        this.#saving = undefined;
      });
    return this.#saving;
  }

  async #save(duty: Duty): Promise<void> {
    const cursors: Record<string, number> = {};
    for (const [publisher, outbox] of duty.outboxes) cursors[publisher.name] = outbox.cursor;
    duty.unsaved = false;
    try {
      const current = await this.#options.store.advance(duty.shard, duty.fence, cursors);
      if (!current && this.#duties.get(duty.shard) === duty) this.#duties.delete(duty.shard);
    } catch {
      duty.unsaved = true;
    }
  }
}

function newDuty(
  shard: number,
  lease: PublisherLease,
  leasedUntilMs: number,
  publishers: readonly EventPublisher[],
): Duty {
  const outboxes = new Map(publishers.map((publisher) => [publisher, new Outbox(lease.cursors[publisher.name] ?? 0)]));
  return { shard, fence: lease.fence, leasedUntilMs, outboxes, unsaved: false };
}
