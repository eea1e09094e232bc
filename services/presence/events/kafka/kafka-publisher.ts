import { KafkaError, kafkaErrorOf } from "@realchat/presence-kafka/error";
import { openTopicProducer, type TopicProducer } from "@realchat/presence-kafka/producer";
import { pause, withDeadline } from "@realchat/presence-runtime";
import { invariant } from "../../domain/invariant.ts";
import { type CompleteMark, isMark, type PublishedEntry } from "../../domain/log-entry.ts";
import type { Transition } from "../../domain/transition.ts";
import type { EventPublisher, PublisherHealth, PublisherMetrics } from "../publisher.ts";
import { newPublisherCounters } from "../publisher-counters.ts";
import { type KafkaOptions, type KafkaSettings, settingsOf } from "./options.ts";
import { recordOf, resetRecordOf } from "./record.ts";

const reconnectMinMs = 50;
const reconnectMaxMs = 500;

/**
 * Publishes to a Kafka topic. One request is in flight at a time, and each must be on all replicas in sync before the
 * next goes out: so the order of a user's changes survives every failure. A request whose answer was lost may be in
 * the log although it was rejected here; repeated, it is there twice.
 */
export class KafkaPublisher implements EventPublisher {
  readonly name = "kafka";
  readonly #settings: KafkaSettings;
  readonly #counters = newPublisherCounters();
  readonly #closing = new AbortController();
  readonly #firstAttempt = Promise.withResolvers<void>();
  /** Settles when there is a connection; replaced as soon as that one is lost. */
  #producer: Promise<TopicProducer> | undefined;
  #current: TopicProducer | undefined;
  #connection: PublisherHealth = { ready: false, detail: "not connected yet" };
  #underWay: Promise<void> | undefined;
  #publishFailure = "";

  /** @throws PublisherRefusal when no broker could ever accept the options */
  constructor(options: KafkaOptions) {
    this.#settings = settingsOf(options);
  }

  async open(): Promise<void> {
    if (this.#producer === undefined) this.#connectAgain();
    await this.#firstAttempt.promise;
  }

  async publish(entries: readonly PublishedEntry[]): Promise<void> {
    invariant(this.#underWay === undefined, "one publish at a time, or the order is lost");
    const publishing = this.#publish(entries);
    this.#underWay = publishing.catch(() => {});
    try {
      await publishing;
    } finally {
      this.#underWay = undefined;
    }
  }

  async close(graceMs: number): Promise<void> {
    const underWay = this.#underWay ?? Promise.resolve();
    const graceIsOver = () => new Error("the grace is over");
    await withDeadline(this.#settings.clock, graceMs, underWay, graceIsOver).catch(() => {});
    this.#closing.abort();
    this.#connection = { ready: false, detail: "closed" };
    this.#current?.destroy();
    await underWay;
  }

  health(): PublisherHealth {
    if (this.#publishFailure === "") return this.#connection;
    return { ready: false, detail: `${this.#connection.detail}; the last publish failed: ${this.#publishFailure}` };
  }

  metrics(): PublisherMetrics {
    return { ...this.#counters, bounds: {} };
  }

  async #publish(entries: readonly PublishedEntry[]): Promise<void> {
    const { clock } = this.#settings;
    const startedMs = clock.monotonicMs();
    try {
      await this.#sendBy(startedMs + this.#settings.publishTimeoutMs, entries);
      this.#publishFailure = "";
      this.#counters.totalMs += clock.monotonicMs() - startedMs;
    } catch (error) {
      const failure = kafkaErrorOf(error);
      this.#publishFailure = failure.message;
      this.#counters.failures++;
      throw failure;
    }
  }

  /** What stands before a mark is accepted before the mark goes out, and that before what stands after it. */
  async #sendBy(deadlineMs: number, entries: readonly PublishedEntry[]): Promise<void> {
    const producer = await this.#inTime(deadlineMs, this.#connected());
    try {
      for (const { transitions, marks } of stretchesOf(entries)) {
        await this.#inTime(deadlineMs, this.#sendTransitions(producer, transitions));
        if (marks.length > 0) await this.#inTime(deadlineMs, this.#sendResets(producer, marks));
      }
    } catch (error) {
      // Whatever it was, nothing of this attempt may go out any more when the next one does.
      this.#renew(producer);
      throw error;
    }
  }

  async #sendTransitions(producer: TopicProducer, transitions: readonly Transition[]): Promise<void> {
    const records = transitions.map((transition) => recordOf(transition, this.#settings.source));
    this.#counters.requests += await producer.send(records);
    this.#counters.transitions += records.length;
    for (const record of records) this.#counters.bytes += record.size;
  }

  async #sendResets(producer: TopicProducer, marks: readonly CompleteMark[]): Promise<void> {
    const records = marks.map((mark) => resetRecordOf(mark, this.#settings.source));
    this.#counters.requests += await producer.sendToAllPartitions(records);
  }

  #connected(): Promise<TopicProducer> {
    invariant(this.#producer !== undefined, "publish comes after open");
    return this.#producer;
  }

  #inTime<T>(deadlineMs: number, work: Promise<T>): Promise<T> {
    const { clock, publishTimeoutMs } = this.#settings;
    return withDeadline(clock, deadlineMs - clock.monotonicMs(), work, () => {
      const { ready, detail } = this.#connection;
      return new KafkaError("UNAVAILABLE", `not accepted within ${publishTimeoutMs} ms${ready ? "" : `: ${detail}`}`);
    });
  }

  #renew(producer: TopicProducer): void {
    producer.destroy();
    if (this.#current !== producer || this.#closing.signal.aborted) return;
    this.#current = undefined;
    this.#connection = { ready: false, detail: "connection lost, connecting again" };
    this.#connectAgain();
  }

  #connectAgain(): void {
    this.#producer = this.#connect();
    // It rejects when the publisher is closed first, and then nobody may be waiting for it.
    this.#producer.catch(() => {});
  }

  async #connect(): Promise<TopicProducer> {
    const { clock } = this.#settings;
    const { signal } = this.#closing;
    let pauseMs = reconnectMinMs;
    for (let attempt = 0; !signal.aborted; attempt++) {
      const producer = await this.#tryToConnect(attempt);
      this.#firstAttempt.resolve();
      if (producer !== undefined) return producer;
      await pause(clock, pauseMs * (0.5 + clock.random() / 2), signal);
      pauseMs = Math.min(pauseMs * 2, reconnectMaxMs);
    }
    throw new KafkaError("UNAVAILABLE", "the publisher is closed");
  }

  async #tryToConnect(attempt: number): Promise<TopicProducer | undefined> {
    const { topic, publishTimeoutMs: requestTimeoutMs } = this.#settings;
    try {
      const producer = await openTopicProducer({ ...this.#settings, requestTimeoutMs }, attempt);
      if (this.#closing.signal.aborted) {
        producer.destroy();
        return undefined;
      }
      this.#current = producer;
      this.#counters.connects++;
      this.#connection = { ready: true, detail: `topic ${topic}, ${producer.partitions} partitions` };
      producer.lost.then(() => this.#renew(producer));
      return producer;
    } catch (error) {
      if (!this.#closing.signal.aborted) {
        this.#connection = { ready: false, detail: kafkaErrorOf(error).message };
      }
      return undefined;
    }
  }
}

/** Transitions, and the marks that stand right behind them. */
interface Stretch {
  readonly transitions: Transition[];
  readonly marks: CompleteMark[];
}

function stretchesOf(entries: readonly PublishedEntry[]): Stretch[] {
  const stretches: Stretch[] = [];
  let last: Stretch = { transitions: [], marks: [] };
  for (const entry of entries) {
    if (stretches.length === 0 || (!isMark(entry) && last.marks.length > 0)) {
      last = { transitions: [], marks: [] };
      stretches.push(last);
    }
    if (isMark(entry)) last.marks.push(entry);
    else last.transitions.push(entry);
  }
  return stretches;
}
