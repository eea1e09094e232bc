import type { KafkaAccess } from "@realchat/presence-kafka/access";
import { openTopicProducer, type ProducedRecord, type TopicProducer } from "@realchat/presence-kafka/producer";
import { backoffMs, type Clock, pause } from "@realchat/presence-runtime";
import { type Policy, serialise } from "../policy.ts";
import { PrivacyError } from "../privacy-error.ts";

interface PolicyWriterOptions {
  /** Connection to the brokers. */
  readonly kafka: KafkaAccess;
  /** What presence.privacy is called here. */
  readonly topic: string;
  readonly clock: Clock;
}

interface Waiting {
  readonly record: ProducedRecord;
  readonly tooLate: AbortSignal;
  readonly resolve: () => void;
  readonly reject: (error: PrivacyError) => void;
}

/** Partitions of a topic that was just made have no leader yet, and of others the leader may change. */
const retryPace = { firstMs: 100, capMs: 1_000 };

/** Where the topic is missing: compacted, as the last record of each user is the user's policy for ever. */
const createTopic = { partitions: 12, isCompacted: true };
const requestTimeoutMs = 2_000;
const requestMaxBytes = 512 * 1024;

/** Writes policies that users change to the topic that all gateways read them from. */
export class PolicyWriter {
  readonly #options: PolicyWriterOptions;
  #producer: TopicProducer | undefined;
  #waiting: Waiting[] = [];
  #isSending = false;

  constructor(options: PolicyWriterOptions) {
    this.#options = options;
  }

  /**
   * Resolves when all replicas in sync have it. Tries until then, or until it is too late.
   * @throws PrivacyError UNAVAILABLE when the topic may not have it
   */
  write(userId: string, policy: Policy, tooLate: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const [key, value] = [Buffer.from(userId), Buffer.from(serialise(policy))];
    const record = { key, value, headers: new Map(), size: key.length + value.length };
    this.#waiting.push({ record, tooLate, resolve, reject });
    if (!this.#isSending) void this.#send();
    return promise;
  }

  close(): void {
    this.#producer?.destroy();
    this.#producer = undefined;
  }

  /** What comes while a request is under way is in the next one. */
  async #send(): Promise<void> {
    this.#isSending = true;
    for (let failures = 0; this.#waiting.length > 0; ) {
      const sent = this.#waiting;
      this.#waiting = [];
      try {
        this.#producer ??= await this.#open(failures);
        await this.#producer.send(sent.map(({ record }) => record));
        for (const { resolve } of sent) resolve();
        failures = 0;
      } catch (error) {
        this.close();
        failures += 1;
        await pause(this.#options.clock, backoffMs(failures, retryPace, this.#options.clock));
        this.#putBack(sent, error);
      }
    }
    this.#isSending = false;
  }

  #putBack(failed: readonly Waiting[], cause: unknown): void {
    const message = `the policy is not changed: ${(cause as Error).message}`;
    for (const { reject, tooLate } of failed) {
      if (tooLate.aborted) reject(new PrivacyError("UNAVAILABLE", message, { cause }));
    }
    this.#waiting = [...failed.filter(({ tooLate }) => !tooLate.aborted), ...this.#waiting];
  }

  async #open(attempt: number): Promise<TopicProducer> {
    const { kafka, topic, clock } = this.#options;
    const limits = { requestTimeoutMs, requestMaxBytes };
    const producer = await openTopicProducer({ ...kafka, topic, createTopic, clock, ...limits }, attempt);
    void producer.lost.then(() => {
      if (this.#producer === producer) this.close();
    });
    return producer;
  }
}
