import {
  PresenceClientError,
  type TopicRecord,
  type TopicSession,
  type TopicSource,
} from "@realchat/presence-client/kafka";
import { type Clock, pause } from "@realchat/presence-runtime/clock";

const fetchWaitMs = 500;

/** A topic that exists in a test alone. */
export class ScriptedTopic implements TopicSource {
  topicId = "first-life";
  exists = true;
  /** The next fetch, or opening, fails with it. */
  failure: Error | undefined;
  sessions = 0;
  readonly #clock: Clock;
  #logs: TopicRecord[][];
  #firsts: bigint[];
  #wake = Promise.withResolvers<void>();

  constructor(partitions: number, clock: Clock) {
    this.#clock = clock;
    this.#logs = Array.from({ length: partitions }, () => []);
    this.#firsts = this.#logs.map(() => 0n);
  }

  /** @param timestampMs default: without */
  write(partition: number, value: Uint8Array | string, timestampMs = -1): void {
    const log = this.#logs[partition] as TopicRecord[];
    const offset = (this.#firsts[partition] as bigint) + BigInt(log.length);
    log.push({ offset, timestampMs, value: Buffer.from(value) });
    this.#wakeUp();
  }

  /** Retention: the first records of a partition go. */
  forget(partition: number, count: number): void {
    this.#logs[partition]?.splice(0, count);
    this.#firsts[partition] = (this.#firsts[partition] as bigint) + BigInt(count);
  }

  /** Deletes the topic and makes it anew, empty. */
  remake(): void {
    this.topicId = `${this.topicId}, and another`;
    this.#logs = this.#logs.map(() => []);
    this.#firsts = this.#logs.map(() => 0n);
    this.#wakeUp();
  }

  async open(): Promise<TopicSession> {
    this.#fail();
    if (!this.exists) throw new PresenceClientError("NOT_FOUND", "there is no such topic");
    this.sessions += 1;
    const { topicId } = this;
    const closed = new AbortController();
    const nextOf = (partition: number) =>
      (this.#firsts[partition] as bigint) + BigInt(this.#logs[partition]?.length ?? 0);
    return {
      topicId,
      partitions: this.#logs.length,
      leaders: [1],
      bounds: async () => this.#firsts.map((first, partition) => ({ partition, first, next: nextOf(partition) })),
      fetch: async (_, positions) => {
        const isAtEnd = [...positions].every(([partition, position]) => nextOf(partition) <= position);
        if (isAtEnd) await Promise.race([this.#wake.promise, pause(this.#clock, fetchWaitMs, closed.signal)]);
        this.#fail();
        if (closed.signal.aborted) throw new PresenceClientError("UNAVAILABLE", "closed");
        return [...positions].map(([partition, position]) => {
          const records = (this.#logs[partition] ?? []).filter(({ offset }) => offset >= position);
          return { partition, records, next: records.at(-1) === undefined ? position : nextOf(partition) };
        });
      },
      isOutdated: async () => topicId !== this.topicId,
      close: () => closed.abort(),
    };
  }

  #fail(): void {
    const { failure } = this;
    this.failure = undefined;
    if (failure !== undefined) throw failure;
  }

  #wakeUp(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }
}
