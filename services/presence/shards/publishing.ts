import { type Cancel, type Clock, pause } from "@realchat/presence-runtime/clock";
import { isMark, type LogEntry, type PublishedEntry } from "../domain/log-entry.ts";
import type { EventPublisher } from "../events/publisher.ts";
import type { PublisherLease, PublisherLeases, RecordKeeping, RestateDuty, TransitionLog } from "../store/store.ts";
import { Outbox } from "./outbox.ts";

/** A dead node's shards move within leaseMs + renewMs, which must stay below 2 s (P2). */
const leaseMs = 1_200;
const renewMs = 400;
/** Interval at which cursors are saved that moved far. When the node dies, entries after the saved cursor are sent again. */
const saveMs = 100;
/** That is, by as many entries. */
const farEntries = 32;
/** Interval at which those are saved that moved at all. */
const saveAllMs = 500;
const batchMax = 1_000;
const retryMinMs = 50;
const retryMaxMs = 1_000;

/** A shard whose log this node publishes. */
interface HeldShard {
  readonly shard: number;
  readonly fence: number;
  /** At which the shard began anew; only this node changes it while the fencing number holds. */
  begin: number;
  /** Monotonic ms; afterwards another node may hold the lease, so nothing is sent. */
  leasedUntilMs: number;
  readonly outboxes: ReadonlyMap<EventPublisher, Outbox>;
  /** By how many entries its cursors moved, all together, since they were saved. */
  unsavedEntries: number;
  /** When that was, monotonic ms. */
  savedAtMs: number;
}

export interface PublishingMetrics {
  readonly shardsHeld: number;
  /** By publisher: age of the oldest unsent entry, ms. */
  readonly lagMs: Readonly<Record<string, number>>;
  /** Times that entries were trimmed from a log before they were published: then all who are online are restated. */
  readonly overflows: number;
}

export interface PublishingOptions {
  readonly store: PublisherLeases & TransitionLog & Pick<RecordKeeping, "beginRestating">;
  readonly shardCount: number;
  readonly nodeId: string;
  readonly publishers: readonly EventPublisher[];
  readonly clock: Clock;
  readonly onOverflow: (shard: number, publisher: string) => void;
}

/**
 * Publishes the logs of this node's share of the shards. One node at a time holds a shard's lease; each publisher has
 * its own cursor in the log and one send in flight, so a slow one does not hold up another. A new holder starts at the
 * saved cursors: repetitions are possible, gaps are not (P4). A log that ran over before it was published is the one
 * exception: then the shard begins anew, and all who are online are restated.
 */
export class Publishing {
  readonly #options: PublishingOptions;
  readonly #heldShards = new Map<number, HeldShard>();
  readonly #stopping = new AbortController();
  readonly #wakers = new Map<EventPublisher, () => void>();
  readonly #timers: Cancel[] = [];
  #loops: Promise<void>[] = [];
  #renewing: Promise<void> | undefined;
  #saving: Promise<void> | undefined;
  #overflows = 0;
  /** Nodes of presence, by the last reply. */
  #nodeCount = 1;

  constructor(options: PublishingOptions) {
    this.#options = options;
  }

  start(): void {
    const { clock, publishers } = this.#options;
    this.#timers.push(clock.every(renewMs, () => this.#renewLeases()));
    this.#timers.push(clock.every(saveMs, () => this.#saveCursors()));
    this.#renewLeases();
    this.#loops = publishers.map((publisher) => this.#publishForever(publisher));
  }

  /** Finishes the sends in flight, saves the cursors and releases the leases at once. */
  async stop(): Promise<void> {
    const { store, nodeId } = this.#options;
    this.#stopping.abort();
    for (const cancel of this.#timers) cancel();
    this.#wakeAll();
    await Promise.all([...this.#loops, this.#renewing]);
    await this.#saving;
    await this.#save([...this.#heldShards.values()].filter(({ unsavedEntries }) => unsavedEntries > 0));
    const shards = [...this.#heldShards.keys()];
    this.#heldShards.clear();
    await Promise.allSettled([store.withdrawNode(nodeId), ...shards.map((shard) => store.release(shard, nodeId))]);
  }

  /** A shard's next log entry, in order. */
  announce(entry: LogEntry): void {
    const duty = this.#heldShards.get(entry.shard);
    if (duty === undefined) return;
    for (const outbox of duty.outboxes.values()) outbox.announce(entry);
    this.#wakeAll();
  }

  /** Entries of a shard's log were not announced, or were trimmed before they could be: the log itself is read for what is next. */
  readAgain(shard: number): void {
    const duty = this.#heldShards.get(shard);
    if (duty === undefined) return;
    for (const outbox of duty.outboxes.values()) outbox.fallBehind();
    this.#wakeAll();
  }

  /** Shards that this node publishes. */
  get held(): ReadonlySet<number> {
    return new Set(this.#heldShards.keys());
  }

  /** What the shards that this node publishes would be restated for. */
  get duties(): ReadonlyMap<number, RestateDuty> {
    return new Map([...this.#heldShards].map(([shard, { begin, fence }]) => [shard, { begin, fence }]));
  }

  /** Whether this node publishes the shard. */
  holds(shard: number): boolean {
    return this.#heldShards.has(shard);
  }

  metrics(): PublishingMetrics {
    const nowUs = this.#options.clock.nowUs();
    const lagMs: Record<string, number> = {};
    for (const publisher of this.#options.publishers) {
      let oldestUs = nowUs;
      for (const duty of this.#heldShards.values()) {
        oldestUs = Math.min(oldestUs, duty.outboxes.get(publisher)?.oldestPending ?? nowUs);
      }
      lagMs[publisher.name] = (nowUs - oldestUs) / 1000;
    }
    return { shardsHeld: this.#heldShards.size, lagMs, overflows: this.#overflows };
  }

  #wakeAll(): void {
    for (const wake of this.#wakers.values()) wake();
  }

  #renewLeases(): Promise<void> {
    this.#renewing ??= this.#claimFairShare().finally(() => {
      this.#renewing = undefined;
      this.#wakeAll();
    });
    return this.#renewing;
  }

  async #claimFairShare(): Promise<void> {
    const { store, shardCount, nodeId } = this.#options;
    // Each failure is ignored by itself: a broken node list or shard must not stop the publishing of other shards.
    await store.announceNode(nodeId, leaseMs).then(
      (nodes) => {
        this.#nodeCount = Math.max(1, nodes);
      },
      () => {},
    );
    const share = Math.ceil(shardCount / this.#nodeCount);
    await Promise.all([...this.#heldShards.values()].map((duty) => this.#tryToClaim(duty.shard)));
    for (const shard of [...this.#heldShards.keys()].slice(share)) await this.#handOver(shard).catch(() => {});
    // Each node starts at a random shard, so that nodes seldom compete for the same one.
    const start = Math.floor(this.#options.clock.random() * shardCount);
    for (let step = 0; step < shardCount && this.#heldShards.size < share; step++) {
      if (this.#stopping.signal.aborted) return;
      const shard = (start + step) % shardCount;
      if (!this.#heldShards.has(shard)) await this.#tryToClaim(shard);
    }
  }

  /** The store may not answer. Then the lease expires by itself, here (leasedUntilMs) and in the store. */
  async #tryToClaim(shard: number): Promise<void> {
    await this.#claim(shard).catch(() => {});
  }

  async #claim(shard: number): Promise<void> {
    const { store, nodeId, clock, publishers } = this.#options;
    const askedMs = clock.monotonicMs();
    const lease = await store.claim(shard, nodeId, leaseMs);
    const held = this.#heldShards.get(shard);
    if (lease === undefined) {
      this.#heldShards.delete(shard);
    } else if (held !== undefined && held.fence === lease.fence) {
      held.leasedUntilMs = askedMs + leaseMs;
    } else {
      this.#heldShards.set(shard, newHeldShard(shard, lease, askedMs + leaseMs, publishers));
    }
  }

  async #handOver(shard: number): Promise<void> {
    const duty = this.#heldShards.get(shard);
    this.#heldShards.delete(shard);
    if (duty !== undefined && duty.unsavedEntries > 0) await this.#saveOne(duty);
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
        // The broker or the store refused: the entries stay in the log, and the same ones are sent again.
        await pause(clock, retryMs * (0.5 + clock.random() / 2), signal);
        retryMs = Math.min(retryMs * 2, retryMaxMs);
      }
    }
  }

  /** One send of what is next in all shards. @returns how many entries are done with */
  async #publishBatch(publisher: EventPublisher): Promise<number> {
    const parts: { duty: HeldShard; outbox: Outbox; entries: LogEntry[] }[] = [];
    let room = batchMax;
    for (const duty of this.#heldShards.values()) {
      const outbox = duty.outboxes.get(publisher);
      if (outbox === undefined || !outbox.hasWork || room === 0) continue;
      const read = (after: number, limit: number) => this.#readLog(duty, publisher, after, limit);
      // A log that cannot be read waits for the next time, and the others do not wait for it.
      const entries = await outbox.next(room, read).catch(() => []);
      room -= entries.length;
      parts.push({ duty, outbox, entries });
    }
    const nowMs = this.#options.clock.monotonicMs();
    const leased = parts.filter(({ duty }) => nowMs < duty.leasedUntilMs && this.#heldShards.get(duty.shard) === duty);
    const batch = leased.flatMap(({ duty, entries }) => entries.filter((entry) => isPublished(entry, duty)));
    if (batch.length > 0) await publisher.publish(batch);
    let done = 0;
    for (const { duty, outbox, entries } of leased) {
      outbox.accepted(entries);
      duty.unsavedEntries += entries.length;
      done += entries.length;
    }
    return done;
  }

  async #readLog(duty: HeldShard, publisher: EventPublisher, after: number, limit: number): Promise<LogEntry[]> {
    const { entries, gap } = await this.#options.store.readLog(duty.shard, after, limit);
    if (gap) await this.#makeGood(duty, publisher, entries[0]?.version ?? Number.POSITIVE_INFINITY);
    return entries;
  }

  /**
   * Entries were trimmed before this publisher had them. Restating makes up for all below begin; so where none above was
   * among them, the restating that follows in the log is enough.
   * @param first version that is left
   */
  async #makeGood(duty: HeldShard, publisher: EventPublisher, first: number): Promise<void> {
    if (first > duty.begin) {
      const begin = await this.#options.store.beginRestating(duty.shard, duty.fence);
      if (begin === undefined) {
        if (this.#heldShards.get(duty.shard) === duty) this.#heldShards.delete(duty.shard);
        throw new Error(`another node publishes shard ${duty.shard}`);
      }
      duty.begin = begin;
    }
    this.#overflows++;
    this.#options.onOverflow(duty.shard, publisher.name);
  }

  #saveCursors(): void {
    const nowMs = this.#options.clock.monotonicMs();
    const due = [...this.#heldShards.values()].filter(
      ({ unsavedEntries, savedAtMs }) =>
        unsavedEntries >= farEntries || (unsavedEntries > 0 && nowMs - savedAtMs >= saveAllMs),
    );
    if (due.length === 0) return;
    this.#saving ??= this.#save(due).finally(() => {
      this.#saving = undefined;
    });
  }

  async #save(duties: readonly HeldShard[]): Promise<void> {
    await Promise.all(duties.map((duty) => this.#saveOne(duty)));
  }

  async #saveOne(duty: HeldShard): Promise<void> {
    const cursors: Record<string, number> = {};
    for (const [publisher, outbox] of duty.outboxes) cursors[publisher.name] = outbox.cursor;
    const { unsavedEntries } = duty;
    duty.unsavedEntries = 0;
    duty.savedAtMs = this.#options.clock.monotonicMs();
    try {
      const current = await this.#options.store.advance(duty.shard, duty.fence, cursors);
      if (!current && this.#heldShards.get(duty.shard) === duty) this.#heldShards.delete(duty.shard);
    } catch {
      duty.unsavedEntries += unsavedEntries;
    }
  }
}

function newHeldShard(
  shard: number,
  lease: PublisherLease,
  leasedUntilMs: number,
  publishers: readonly EventPublisher[],
): HeldShard {
  const outboxes = new Map(publishers.map((publisher) => [publisher, new Outbox(lease.cursors[publisher.name] ?? 0)]));
  const { fence, begin } = lease;
  return { shard, fence, begin, leasedUntilMs, outboxes, unsavedEntries: 0, savedAtMs: Number.NEGATIVE_INFINITY };
}

/**
 * Other services have no use for a begin: what they do about it, they do when it is complete. Nor must they hear that
 * it is complete when there was another since: some who were restated for it may have been trimmed away unpublished.
 */
function isPublished(entry: LogEntry, { begin }: HeldShard): entry is PublishedEntry {
  return !isMark(entry) || (entry.mark === "complete" && entry.begin === begin);
}
