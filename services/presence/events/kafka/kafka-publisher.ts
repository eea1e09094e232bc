import { pause } from "@realchat/presence-runtime/clock";
import { invariant } from "../../domain/invariant.ts";
import type { Transition } from "../../domain/transition.ts";
import { withDeadline } from "../deadline.ts";
import type { EventPublisher, PublisherHealth, PublisherMetrics } from "../publisher.ts";
import { newPublisherCounters } from "../publisher-counters.ts";
import { KafkaFailure, kafkaFailureOf } from "./failure.ts";
import { type KafkaOptions, type KafkaSettings, settingsOf } from "./options.ts";
import { recordOf } from "./record.ts";
import { type KafkaSession, openKafkaSession } from "./session.ts";

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
  #session: Promise<KafkaSession> | undefined;
  #current: KafkaSession | undefined;
  #connection: PublisherHealth = { ready: false, detail: "not connected yet" };
  #underWay: Promise<void> | undefined;
  #publishFailure = "";

  /** @throws PublisherRefusal when no broker could ever accept the options */
  constructor(options: KafkaOptions) {
    this.#settings = settingsOf(options);
  }

  async open(): Promise<void> {
    if (this.#session === undefined) this.#connectAgain();
    await this.#firstAttempt.promise;
  }

  async publish(transitions: readonly Transition[]): Promise<void> {
    invariant(this.#underWay === undefined, "one publish at a time, or the order is lost");
    const publishing = this.#publish(transitions);
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

  async #publish(transitions: readonly Transition[]): Promise<void> {
    const { clock } = this.#settings;
    const startedMs = clock.monotonicMs();
    try {
      await this.#sendBy(startedMs + this.#settings.publishTimeoutMs, transitions);
      this.#publishFailure = "";
      this.#counters.totalMs += clock.monotonicMs() - startedMs;
    } catch (error) {
      const failure = kafkaFailureOf(error);
      this.#publishFailure = failure.message;
      this.#counters.failures++;
      throw failure;
    }
  }

  async #sendBy(deadlineMs: number, transitions: readonly Transition[]): Promise<void> {
    const { source } = this.#settings;
    const records = transitions.map((transition) => recordOf(transition, source));
    const session = await this.#inTime(deadlineMs, this.#connected());
    try {
      this.#counters.requests += await this.#inTime(deadlineMs, session.send(records));
      this.#counters.transitions += records.length;
      for (const record of records) this.#counters.bytes += record.size;
    } catch (error) {
      // Whatever it was, nothing of this attempt may go out any more when the next one does.
      this.#renew(session);
      throw error;
    }
  }

  #connected(): Promise<KafkaSession> {
    invariant(this.#session !== undefined, "publish comes after open");
    return this.#session;
  }

  #inTime<T>(deadlineMs: number, work: Promise<T>): Promise<T> {
    const { clock, publishTimeoutMs } = this.#settings;
    return withDeadline(clock, deadlineMs - clock.monotonicMs(), work, () => {
      const { ready, detail } = this.#connection;
      return new KafkaFailure(`not accepted within ${publishTimeoutMs} ms${ready ? "" : `: ${detail}`}`);
    });
  }

  #renew(session: KafkaSession): void {
    session.destroy();
    if (this.#current !== session || this.#closing.signal.aborted) return;
    this.#current = undefined;
    this.#connection = { ready: false, detail: "connection lost, connecting again" };
    this.#connectAgain();
  }

  #connectAgain(): void {
    this.#session = this.#connect();
    // It rejects when the publisher is closed first, and then nobody may be waiting for it.
    this.#session.catch(() => {});
  }

  async #connect(): Promise<KafkaSession> {
    const { clock } = this.#settings;
    const { signal } = this.#closing;
    let pauseMs = reconnectMinMs;
    for (let attempt = 0; !signal.aborted; attempt++) {
      const session = await this.#tryToConnect(attempt);
      this.#firstAttempt.resolve();
      if (session !== undefined) return session;
      await pause(clock, pauseMs * (0.5 + clock.random() / 2), signal);
      pauseMs = Math.min(pauseMs * 2, reconnectMaxMs);
    }
    throw new KafkaFailure("the publisher is closed");
  }

  async #tryToConnect(attempt: number): Promise<KafkaSession | undefined> {
    const { topic } = this.#settings;
    try {
      const session = await openKafkaSession(this.#settings, attempt);
      if (this.#closing.signal.aborted) {
        session.destroy();
        return undefined;
      }
      this.#current = session;
      this.#counters.connects++;
      this.#connection = { ready: true, detail: `topic ${topic}, ${session.partitions} partitions` };
      session.lost.then(() => this.#renew(session));
      return session;
    } catch (error) {
      if (!this.#closing.signal.aborted) {
        this.#connection = { ready: false, detail: kafkaFailureOf(error).message };
      }
      return undefined;
    }
  }
}
