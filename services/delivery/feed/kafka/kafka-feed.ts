import type { PresenceFeed as PresenceRecords } from "@realchat/presence-client/kafka";
import type { Clock, Log } from "@realchat/presence-runtime";
import type { FeedListener, FeedMetrics, PresenceFeed } from "../feed.ts";

interface KafkaFeedOptions {
  /** From now on. */
  readonly records: PresenceRecords;
  readonly clock: Clock;
  readonly log: Pick<Log, "warn">;
}

/** Gaps may be many; one is logged in this time. */
const gapLogMs = 60_000;

/**
 * Reads transitions from Kafka: every gateway reads all partitions of the topic, from now on.
 * Why, and up to how many gateways: docs/adr/0011-all-partitions-feed.md
 */
export class KafkaFeed implements PresenceFeed {
  readonly kind = "kafka";
  readonly #records: PresenceRecords;
  readonly #clock: Clock;
  readonly #log: Pick<Log, "warn">;
  #loggedMs = Number.NEGATIVE_INFINITY;
  #done: Promise<void> = Promise.resolve();

  constructor({ records, clock, log }: KafkaFeedOptions) {
    this.#records = records;
    this.#clock = clock;
    this.#log = log;
  }

  async start(listener: FeedListener): Promise<void> {
    this.#done = this.#follow(listener);
  }

  async stop(): Promise<void> {
    await this.#records.close();
    await this.#done;
  }

  floorOf(shard: number, partition: number | undefined): number {
    return this.#records.floorOf(shard, partition);
  }

  health(): { readonly ready: boolean; readonly detail: string } {
    return this.#records.health();
  }

  metrics(): FeedMetrics {
    const { records, repetitions, outdated, unreadable, ...others } = this.#records.metrics();
    const { gaps, resets, failures, usersRemembered, floors } = others;
    const told = records - repetitions - outdated - unreadable;
    return {
      records: { told, repeated: repetitions, outdated, unreadable },
      faults: { gap: gaps, reset: resets, failure: failures },
      usersRemembered,
      floors,
    };
  }

  async #follow(listener: FeedListener): Promise<void> {
    for await (const news of this.#records) {
      switch (news.kind) {
        case "change": {
          const { cause = 0, deviceId = "" } = news;
          listener.update({ ...news, cause, deviceId }, news.partition);
          break;
        }
        case "reset":
          listener.reset(news.shard);
          break;
        case "gap":
          this.#logGap(news.why);
          listener.gap();
          break;
        // Users whose sockets came before the feed was listening are to be looked up too.
        case "listening":
          listener.gap();
          break;
      }
    }
  }

  #logGap(why: string): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#loggedMs < gapLogMs) return;
    this.#loggedMs = nowMs;
    this.#log.warn({ why }, "changes may have been missed: everyone who is watched is looked up");
  }
}
