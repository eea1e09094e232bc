import {
  type FetchedRecords,
  fetchLoop,
  isWithin,
  KafkaTopic,
  type LogBounds,
  reconnectPace,
  type TopicReader,
  type TopicSource,
} from "@realchat/presence-kafka/consumer";
import { backoffMs } from "@realchat/presence-runtime/backoff";
import { type Clock, pause } from "@realchat/presence-runtime/clock";
import type { PresenceChange } from "../presence-change.ts";
import { presenceClientErrorOf } from "../presence-client-error.ts";
import { type FeedSettings, feedSettings, type PresenceFeedOptions } from "./feed-options.ts";
import { recordContent, traceOf } from "./record-content.ts";
import { type ResetFloor, ResetFloors } from "./reset-floors.ts";
import { SeenVersions } from "./seen-versions.ts";

export type FeedNews =
  /**
   * A transition, of the status alone too (cause STATUS), or the same state said again (cause RESTATED), perhaps with
   * another status: then take the version, and show nothing else. Repetitions are left out as far as they are remembered, so apply the version rule to what you hold.
   */
  | ({ readonly kind: "change"; readonly partition: number; readonly offset: bigint } & PresenceChange)
  /**
   * Presence lost data, and has told again in this partition who of the shard is online. Offline, at that version, are:
   * users of the shard whose last change came from this partition, if their version is below `begin`; and those of whom
   * this feed told no change, if their version is below `beginEverywhere`, to which all partitions have been reset.
   */
  | {
      readonly kind: "reset";
      readonly shard: number;
      readonly partition: number;
      readonly begin: number;
      readonly beginEverywhere: number;
    }
  /** First of all: what is written from now on will be told. Now is the time to ask for whom you care about. */
  | { readonly kind: "listening" }
  /**
   * Changes were missed, or the topic has more partitions: ask again for everyone you care about, and forget in which
   * partition they are.
   */
  | { readonly kind: "gap"; readonly why: string };

/** Metrics since the start, and of now. */
export interface FeedMetrics {
  /** Records read, and those among them that were not passed on; a batch that cannot be decompressed counts as one. */
  readonly records: number;
  readonly repetitions: number;
  /** Changes of before a loss that were written after its reset. */
  readonly outdated: number;
  readonly unreadable: number;
  readonly resets: number;
  readonly gaps: number;
  /** Times that the brokers could not be reached, or failed. */
  readonly failures: number;
  /** Users whose version is remembered. */
  readonly usersRemembered: number;
  /** Versions that resets have told, by shard and partition. */
  readonly floors: number;
}

/**
 * Reads presence's events from Kafka, all partitions, for as long as it is asked. Iterate it once, in one place. It
 * outlives the brokers' restarts without missing anything, and says so when it did miss something.
 * @throws PresenceClientError INVALID_ARGUMENT naming the option
 */
export function presenceFeed(options: PresenceFeedOptions): PresenceFeed {
  const settings = feedSettings(options);
  return new PresenceFeed(settings, new KafkaTopic(settings));
}

export class PresenceFeed implements AsyncIterable<FeedNews>, AsyncDisposable {
  readonly #from: FeedSettings["from"];
  readonly #clock: Clock;
  readonly #source: TopicSource;
  /** What a record says of its trace. */
  readonly #traceOf: typeof traceOf;
  readonly #seen: SeenVersions;
  readonly #floors = new ResetFloors();
  readonly #closed = new AbortController();
  readonly #counters = { records: 0, repetitions: 0, outdated: 0, unreadable: 0, resets: 0, gaps: 0, failures: 0 };
  /** Of each partition, the offset of the record to read next; none until it is listening. */
  #positions = new Map<number, bigint>();
  #topicId: string | undefined;
  #partitions = 0;
  #isReading = false;
  #detail = "not started";
  #failuresInRow = 0;

  constructor(
    settings: Pick<FeedSettings, "from" | "floors" | "clock" | "usersMax" | "signal" | "traces">,
    source: TopicSource,
  ) {
    this.#from = settings.from;
    this.#clock = settings.clock;
    this.#source = source;
    this.#traceOf = settings.traces ? traceOf : () => undefined;
    this.#seen = new SeenVersions(settings.usersMax);
    const nowMs = this.#clock.monotonicMs();
    for (const { shard, partition, begin } of settings.floors ?? []) this.#floors.read(partition, shard, begin, nowMs);
    settings.signal?.addEventListener("abort", () => this.close(), { once: true });
    if (settings.signal?.aborted) this.close();
  }

  /**
   * Where to go on, by partition, after what was told last; for the option `from` of another feed. Keep the floors with
   * them: what is written late, of before a loss, may come after this position, and its reset came before.
   */
  positions(): ReadonlyMap<number, bigint> {
    return new Map(this.#positions);
  }

  /** What resets have told; for the option `floors` of another feed. At most one for each shard and partition. */
  floors(): readonly ResetFloor[] {
    return this.#floors.all;
  }

  health(): { readonly ready: boolean; readonly detail: string } {
    return { ready: this.#isReading, detail: this.#detail };
  }

  metrics(): FeedMetrics {
    return { ...this.#counters, usersRemembered: this.#seen.size, floors: this.#floors.size };
  }

  /**
   * The version below which nothing that was said of such a user holds any more, also an answer of presence: it was made
   * before presence lost data, and the user is offline at that version. 0: there was no reset.
   * @param partition of the user's last change; undefined: this feed told none
   */
  floorOf(shard: number, partition: number | undefined): number {
    return partition === undefined
      ? this.#floors.everywhere(shard, this.#partitions)
      : this.#floors.of(shard, partition);
  }

  /** Ends the iteration. */
  async close(): Promise<void> {
    this.#closed.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<FeedNews> {
    while (!this.#closed.signal.aborted) {
      let reader: TopicReader | undefined;
      try {
        reader = await this.#source.open(this.#failuresInRow, this.#closed.signal);
        yield* this.#align(reader);
        this.#isReading = true;
        this.#detail = `reading ${reader.partitions} partitions`;
        yield* this.#read(reader);
        continue;
      } catch (error) {
        this.#detail = presenceClientErrorOf(error).message;
        this.#counters.failures++;
      } finally {
        this.#isReading = false;
        reader?.close();
      }
      await pause(this.#clock, backoffMs(this.#failuresInRow++, reconnectPace, this.#clock), this.#closed.signal);
    }
  }

  /** Finds out from where to read, and whether records between there and our positions are lost. */
  async *#align(reader: TopicReader): AsyncGenerator<FeedNews> {
    const bounds = await reader.bounds();
    const isFirst = this.#topicId === undefined;
    const isOther = !isFirst && this.#topicId !== reader.topicId;
    const positions = new Map<number, bigint>();
    let why = isOther ? "the topic was deleted and made anew" : this.#growth(reader.partitions);
    for (const log of bounds) {
      const { partition, start, highWatermark } = log;
      const wanted = isOther ? highWatermark : (this.#positions.get(partition) ?? this.#start(log, isFirst));
      const isThere = isWithin(log, wanted);
      if (!isThere)
        why = `partition ${partition} has records ${start} to ${highWatermark}, not ${wanted} where we were`;
      positions.set(partition, isThere ? wanted : highWatermark);
    }
    this.#topicId = reader.topicId;
    this.#partitions = reader.partitions;
    this.#positions = positions;
    if (isFirst) yield { kind: "listening" };
    if (why !== undefined) yield this.#gap(why);
  }

  /** Users' later changes may come from other partitions than those before: docs/adr/0028-floors-per-partition.md */
  #growth(partitions: number): string | undefined {
    if (this.#partitions === 0 || this.#partitions === partitions) return undefined;
    return `the topic has ${partitions} partitions, and had ${this.#partitions}`;
  }

  #start({ partition, start, highWatermark }: LogBounds, isFirst: boolean): bigint {
    // A partition that was added later has nothing that we could have missed.
    if (!isFirst || this.#from === "beginning") return start;
    return this.#from === "now" ? highWatermark : (this.#from.get(partition) ?? start);
  }

  /** Returns when the topic's leaders or partitions have changed. */
  async *#read(reader: TopicReader): AsyncGenerator<FeedNews> {
    for await (const { partitions } of fetchLoop(reader, () => this.#positions, this.#closed.signal)) {
      this.#failuresInRow = 0;
      for (const records of partitions) yield* this.#take(records);
      const overdue = this.#floors.takeOverdue(reader.partitions, this.#clock.monotonicMs());
      if (overdue !== undefined) yield this.#gap(`the reset of shard ${overdue} did not come from all partitions`);
    }
  }

  *#take({ partition, records, next, unreadable }: FetchedRecords): Generator<FeedNews> {
    for (const { offset, value, headers } of records) {
      this.#counters.records++;
      this.#positions.set(partition, offset + 1n);
      const content = recordContent(value);
      switch (content.kind) {
        case "change": {
          const { change } = content;
          if (change.version < this.#floors.of(change.shard, partition)) this.#counters.outdated++;
          else if (!this.#seen.isNews(change.userId, change.version)) this.#counters.repetitions++;
          else yield { kind: "change", partition, offset, ...change, ...this.#traceOf(headers) };
          break;
        }
        case "reset": {
          const { shard, begin } = content.reset;
          if (!this.#floors.read(partition, shard, begin, this.#clock.monotonicMs())) break;
          this.#counters.resets++;
          const beginEverywhere = this.floorOf(shard, undefined);
          yield { kind: "reset", shard, partition, begin, beginEverywhere };
          break;
        }
        case "unreadable":
          this.#counters.unreadable++;
          break;
        case "other":
          break;
        default:
          content satisfies never;
      }
    }
    this.#positions.set(partition, next);
    this.#counters.records += unreadable.length;
    this.#counters.unreadable += unreadable.length;
    const [first] = unreadable;
    if (first !== undefined)
      yield this.#gap(`partition ${partition}: the batch of records at ${first.offset} ${first.why}`);
  }

  #gap(why: string): FeedNews {
    this.#counters.gaps++;
    return { kind: "gap", why };
  }
}
