import { batchesOf } from "@realchat/presence-kafka/batches";
import {
  type FetchedRecords,
  fetchLoop,
  isPastHistory,
  isWithin,
  type LogBounds,
  nearestWithin,
  reconnectPace,
  type TopicReader,
  type TopicRecord,
  type TopicSource,
  type UnreadableBatch,
} from "@realchat/presence-kafka/consumer";
import { backoffMs, type Clock, type Log, pause } from "@realchat/presence-runtime";
import { AudienceError } from "../audience-error.ts";
import {
  type AffectedPairs,
  type AudienceChange,
  type AudienceDirectory,
  beforeAllRecords,
  type DirectoryState,
  hides,
  policyOwnersIn,
  type SourcePosition,
  type Undated,
} from "../directory.ts";
import { nextLatest } from "../facts.ts";
import type { DirectoryListener } from "../listener.ts";
import { decodeRecord, MalformedRecord } from "./decode-record.ts";
import { type Receipt, writtenAt } from "./record-clock.ts";
import type { AudienceTopic } from "./topics.ts";

interface FollowerOptions {
  readonly topic: AudienceTopic;
  /** What the topic is called here. */
  readonly name: string;
  readonly source: TopicSource;
  readonly directory: AudienceDirectory;
  readonly listener: DirectoryListener;
  /** Whether everything is applied that was written before may have changed. */
  completenessChanged(): void;
  /** More of the topic is applied. */
  progressed(): void;
  readonly clock: Clock;
  readonly log: Pick<Log, "info" | "warn" | "error">;
}

/** Counters since the start, and gauges. */
export interface FollowerMetrics {
  readonly records: number;
  readonly malformed: number;
  /** Batches of records that were passed over: they cannot be decompressed, or become too large. */
  readonly unreadable: number;
  /** Partitions of which something cannot be read now, because a transaction is open. */
  readonly held: number;
  /** Times that records were gone, or not there yet, where a partition was to be read on. */
  readonly outOfRange: number;
  /** Times that Kafka or the directory failed. */
  readonly failures: number;
}

/** A batch is one or a few calls of the directory. */
const batchLimits = { maxRecords: 500 };
/** A broker that has just started may not know of a topic yet; after so many times it does not exist. */
const absencesUntilBelieved = 3;
/** How often it is made sure that the directory still has what it had. */
const stateCheckMs = 1_000;
/** How long transactions may be open before it is said that something cannot be read. */
const holdPatienceMs = 5_000;
/** A record that was not there at a look so long ago is news. */
const newsMaxAgeMs = 5_000;
/** Batches that cannot be read may be many; one in that time is told. */
const unreadableLogMs = 60_000;

/** One partition in this life of the process. */
interface Partition {
  readonly source: string;
  /** Of the record applied last. */
  position: SourcePosition | undefined;
  /** Of the record to read next. */
  next: bigint;
  /** When the reader was opened: what had been written by then is history. */
  readonly bounds: LogBounds;
  /** The last look at its end: what is behind it was written since. */
  look: { readonly end: bigint; readonly atMs: number };
  /** Since when a transaction keeps what comes next from being read, and how far the partition goes. */
  hold: { readonly sinceMs: number; readonly end: bigint } | undefined;
  /** Of the record applied last beyond what is held. */
  ahead: SourcePosition | undefined;
  /** Up to where everything is applied that does not wait for the end of a transaction. */
  seen: bigint;
}

/**
 * Reads all partitions of one topic and applies what they say, from where this process or the directory stands, whichever
 * is behind: what another gateway has applied meanwhile, this one has yet to hear of.
 */
export class TopicFollower {
  readonly #options: FollowerOptions;
  readonly #counters = { records: 0, malformed: 0, unreadable: 0, outOfRange: 0, failures: 0 };
  /** By source that this process reads, also of topics of that name that were deleted; undefined: at its start. */
  readonly #positions = new Map<string, SourcePosition | undefined>();
  #partitions: readonly Partition[] = [];
  #completeIn: string | undefined;
  #topicId = "";
  #detail = "not started";
  #failuresInRow = 0;
  #absencesInRow = 0;
  #unreadableLoggedMs = Number.NEGATIVE_INFINITY;

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** The generation of the directory in which all history of the topic is applied. */
  get completeIn(): string | undefined {
    return this.#completeIn;
  }

  /** Whether something in the topic cannot be read, and has not been for a while. */
  get isHeld(): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    return this.#partitions.some(({ hold }) => hold !== undefined && nowMs - hold.sinceMs >= holdPatienceMs);
  }

  get detail(): string {
    const held = this.#partitions.flatMap(({ next, hold }, partition) =>
      hold === undefined ? [] : [`partition ${partition} from ${next} to ${hold.end}`],
    );
    const why = held.length === 0 ? "" : `, but for what open transactions hold back: ${held.join(", ")}`;
    return `${this.#options.name}: ${this.#detail}${why}`;
  }

  get metrics(): FollowerMetrics {
    return { ...this.#counters, held: this.#partitions.filter(({ hold }) => hold !== undefined).length };
  }

  /** Of the topic that is read now; empty: none yet. */
  get topicId(): string {
    return this.#topicId;
  }

  /** Whether everything is applied that partitions had within these bounds. */
  hasApplied(bounds: readonly LogBounds[]): boolean {
    return bounds.every(({ partition, highWatermark }) => {
      const at = this.#partitions[partition];
      return at !== undefined && (at.next >= highWatermark || at.seen >= highWatermark);
    });
  }

  /** Runs until it is stopped. */
  async run(stop: AbortSignal): Promise<void> {
    const { source, clock } = this.#options;
    while (!stop.aborted) {
      let reader: TopicReader | undefined;
      try {
        reader = await source.open(this.#failuresInRow, stop);
        if (stop.aborted) return;
        this.#absencesInRow = 0;
        const generation = await this.#align(reader);
        await this.#read(reader, generation, stop);
      } catch (error) {
        if (!stop.aborted) this.#recover(error);
      } finally {
        reader?.close();
      }
      if (this.#failuresInRow > 0) await pause(clock, backoffMs(this.#failuresInRow, reconnectPace, clock), stop);
    }
  }

  /** @returns the generation that it goes on in */
  async #align(reader: TopicReader): Promise<string> {
    const { name, directory, listener, clock, log } = this.#options;
    const state = await directory.state();
    if (state.generation !== this.#completeIn) this.#setComplete(undefined);
    const askedMs = clock.monotonicMs();
    const logs = await reader.bounds();
    let isAnythingMissed = false;
    this.#partitions = logs.map((bounds) => {
      const { partition, start, highWatermark } = bounds;
      // With the topic's id: one that was deleted and made anew is another source, whose offsets begin again.
      const source = `${name}/${reader.topicId}:${partition}`;
      const position = this.#startOf(source, state);
      const wanted = position === undefined ? start : BigInt(position.offset) + 1n;
      const isLost = position !== undefined && !isWithin(bounds, wanted);
      if (isLost) {
        this.#counters.outOfRange += 1;
        isAnythingMissed = true;
        const records = { first: Number(start), next: Number(highWatermark), wanted: Number(wanted) };
        log.error({ topic: name, partition, ...records }, "records are gone that were not read: import what they said");
      }
      return {
        source,
        position,
        next: nearestWithin(bounds, wanted),
        bounds,
        look: { end: highWatermark, atMs: askedMs },
        hold: undefined,
        ahead: undefined,
        seen: 0n,
      };
    });
    this.#topicId = reader.topicId;
    if (isAnythingMissed) listener.recheckAll();
    this.#completeIfRead(state.generation);
    return state.generation;
  }

  /**
   * Where to go on: where this process stands, even if that is the start, unless the directory has lost what it had.
   * What is stored may be ahead, by another gateway or by a batch of ours whose reply was lost.
   */
  #startOf(source: string, { positions }: DirectoryState): SourcePosition | undefined {
    const stored = positions.get(source);
    const own = this.#positions.get(source);
    const isOurs = this.#positions.has(source) && (own?.offset ?? -1) <= (stored?.offset ?? -1);
    const start = isOurs ? own : stored;
    this.#positions.set(source, start);
    return start;
  }

  /** Returns when the topic's leaders or partitions have changed. */
  async #read(reader: TopicReader, generation: string, stop: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    let checkedMs = clock.monotonicMs();
    for await (const { leader, partitions } of fetchLoop(reader, () => this.#nextPositions(), stop)) {
      await this.#take(reader, leader, partitions);
      this.#options.progressed();
      this.#failuresInRow = 0;
      this.#detail = "is read";
      this.#completeIfRead(generation);
      if (clock.monotonicMs() - checkedMs < stateCheckMs) continue;
      checkedMs = clock.monotonicMs();
      await this.#checkState(generation);
    }
  }

  #nextPositions(): ReadonlyMap<number, bigint> {
    return new Map(this.#partitions.map(({ next }, partition) => [partition, next]));
  }

  async #take(reader: TopicReader, leader: number, fetched: readonly FetchedRecords[]): Promise<void> {
    const { clock } = this.#options;
    const receivedMs = clock.monotonicMs();
    for (const one of fetched) {
      const at = this.#partitions[one.partition] as Partition;
      this.#passOver(one.partition, one.unreadable);
      await this.#apply(at, one);
      at.hold = one.isHeld ? { sinceMs: at.hold?.sinceMs ?? receivedMs, end: one.highWatermark } : undefined;
    }
    const held = fetched.filter(({ isHeld }) => isHeld);
    if (held.length > 0) await this.#lookAhead(reader, leader, held);
    for (const { partition, highWatermark } of fetched) {
      (this.#partitions[partition] as Partition).look = { end: highWatermark, atMs: receivedMs };
    }
  }

  async #apply(at: Partition, { partition, records, next }: FetchedRecords): Promise<void> {
    // Control batches move the position, too.
    if (next === at.next) return;
    const batches = [...batchesOf(records, batchLimits)];
    const last = batches.pop() ?? [];
    for (const batch of batches) await this.#applyBatch(at, partition, batch, batch.at(-1)?.offset ?? 0n);
    await this.#applyBatch(at, partition, last, next - 1n);
  }

  async #applyBatch(
    partition: Partition,
    number: number,
    records: readonly TopicRecord[],
    lastOffset: bigint,
  ): Promise<void> {
    const { directory } = this.#options;
    const changes = this.#decode(partition, number, records);
    const before = partition.position?.at ?? beforeAllRecords;
    const upTo = { offset: Number(lastOffset), at: changes.reduce((latest, { at }) => nextLatest(latest, at), before) };
    const origin = { source: partition.source, after: partition.position, upTo };
    const affected = await directory.apply({ origin, changes });
    partition.position = upTo;
    partition.next = lastOffset + 1n;
    this.#positions.set(partition.source, upTo);
    this.#counters.records += records.length;
    this.#tell(changes, affected);
  }

  #tell(changes: readonly AudienceChange[], affected: readonly AffectedPairs[]): void {
    const { listener } = this.#options;
    const policyOwners = policyOwnersIn(changes);
    if (affected.length > 0) listener.affected(affected);
    if (policyOwners.length > 0) listener.policiesChanged(policyOwners);
  }

  /**
   * Applies what was written behind transactions that are open: a block does not wait until somebody else's has ended. It
   * is a source of its own; all of it comes again, in order, when the transactions have ended.
   */
  async #lookAhead(reader: TopicReader, leader: number, held: readonly FetchedRecords[]): Promise<void> {
    const { directory } = this.#options;
    const positions = new Map(held.map(({ partition, next }) => [partition, next]));
    for (const { partition, records, next } of await reader.lookAhead(leader, positions)) {
      const at = this.#partitions[partition] as Partition;
      const changes = this.#decode(at, partition, records).map(({ offset: _, ...change }) => change);
      const upTo = { offset: Number(next - 1n), at: beforeAllRecords };
      if (changes.length > 0 && upTo.offset > (at.ahead?.offset ?? -1)) {
        const origin = { source: `${at.source}/ahead`, after: at.ahead, upTo };
        const affected = await directory.apply({ origin, changes });
        at.ahead = upTo;
        this.#tell(changes, affected);
      }
      at.seen = next;
    }
  }

  #decode(at: Partition, partition: number, records: readonly TopicRecord[]): AudienceChange[] {
    const { topic, name, clock, log } = this.#options;
    const changes: AudienceChange[] = [];
    const malformed: { offset: number; why: string }[] = [];
    const receivedUs = clock.nowUs();
    const isLookFresh = clock.monotonicMs() - at.look.atMs <= newsMaxAgeMs;
    for (const record of records) {
      const { offset, timestampMs } = record;
      const receipt: Receipt = { receivedUs, isFresh: isLookFresh && offset >= at.look.end };
      let change: Undated | undefined;
      try {
        change = decodeRecord(topic, record);
      } catch (error) {
        if (!(error instanceof MalformedRecord)) throw error;
        malformed.push({ offset: Number(offset), why: error.message });
        change = error.change;
      }
      if (change === undefined) continue;
      changes.push({ ...change, at: writtenAt(timestampMs, hides(change), receipt), offset: Number(offset) });
    }
    if (malformed[0] !== undefined) {
      this.#counters.malformed += malformed.length;
      const { offset, why } = malformed[0];
      log.warn({ topic: name, partition, offset, count: malformed.length }, `skipped: a record ${why}`);
    }
    return changes;
  }

  #passOver(partition: number, batches: readonly UnreadableBatch[]): void {
    const { name, clock, log } = this.#options;
    const [first] = batches;
    if (first === undefined) return;
    this.#counters.unreadable += batches.length;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#unreadableLoggedMs < unreadableLogMs) return;
    this.#unreadableLoggedMs = nowMs;
    const { offset, records, why } = first;
    log.error({ topic: name, partition, offset: Number(offset), records }, `passed over: a batch of records ${why}`);
  }

  /** @throws AudienceError REWOUND when the directory has less than this process saw in it */
  async #checkState(generation: string): Promise<void> {
    const state = await this.#options.directory.state();
    const lost = this.#partitions.find(
      ({ source, position }) => (position?.offset ?? -1) > (state.positions.get(source)?.offset ?? -1),
    );
    if (state.generation !== generation || lost !== undefined) {
      throw new AudienceError("REWOUND", `the directory has lost what ${this.#options.name} said`);
    }
  }

  #recover(error: unknown): void {
    const { name, directory, log } = this.#options;
    const { code, message } = error as { code?: unknown; message: string };
    const isFirst = this.#failuresInRow === 0;
    this.#failuresInRow += 1;
    if (code === "NOT_FOUND") {
      this.#detail = "does not exist yet";
      this.#absencesInRow += 1;
      // Nothing was ever said in it.
      if (this.#absencesInRow >= absencesUntilBelieved) this.#setComplete(directory.generation);
      return;
    }
    this.#detail = message;
    this.#counters.failures += 1;
    if (isFirst) log.warn({ topic: name, err: error }, "who may see whom is not heard of now");
    // What is missing may be a block. Without Kafka, or the store, what is known is at least as true as it was.
    if (code === "REWOUND" || code === "FULL") this.#setComplete(undefined);
  }

  #completeIfRead(generation: string): void {
    if (this.#completeIn === generation) return;
    if (this.#partitions.every(({ bounds, next }) => isPastHistory(bounds, next))) this.#setComplete(generation);
  }

  #setComplete(generation: string | undefined): void {
    if (generation === this.#completeIn) return;
    this.#completeIn = generation;
    this.#options.completenessChanged();
  }
}
