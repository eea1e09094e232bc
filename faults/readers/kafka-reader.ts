import { ContractReader } from "@realchat/presence-client/testing";
import { type FetchedRecords, fetchLoop, KafkaTopic, type TopicReader } from "@realchat/presence-kafka/consumer";
import { events, presence } from "@realchat/presence-proto";
import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { ReaderHistory } from "../history/reader-history.ts";
import { causeName } from "./cause-name.ts";

const { EventType } = events;

/** Reads only Kafka, from the beginning, and follows the contract. */
export class KafkaReader {
  readonly history = new ReaderHistory("the reader of Kafka", "kafka");
  readonly #source: KafkaTopic;
  readonly #contract: ContractReader;
  readonly #stopped = new AbortController();
  readonly #positions = new Map<number, bigint>();
  readonly #reading: Promise<void>;
  #why = "";

  constructor(options: { brokers: string; topic: string; partitions: number }) {
    const { brokers, topic, partitions } = options;
    this.#source = new KafkaTopic({ brokers: [brokers], topic, clientId: "fault-suite", clock: systemClock });
    for (let partition = 0; partition < partitions; partition++) this.#positions.set(partition, 0n);
    this.#contract = new ContractReader({ partitions, onChange: (change) => this.#believe(change) });
    this.#reading = this.#readForEver();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#reading;
  }

  async #readForEver(): Promise<void> {
    const { signal } = this.#stopped;
    for (let attempt = 0; !signal.aborted; attempt++) {
      let reader: TopicReader | undefined;
      try {
        reader = await this.#source.open(attempt, signal);
        for await (const { partitions } of fetchLoop(reader, () => this.#positions, signal)) {
          this.history.tellAvailability(systemClock.monotonicMs(), true, "reads");
          for (const fetched of partitions) this.#take(fetched);
        }
      } catch (error) {
        this.history.tellAvailability(systemClock.monotonicMs(), false, String(error));
        await pause(systemClock, 250, signal);
      } finally {
        reader?.close();
      }
    }
  }

  #take({ partition, records, next }: FetchedRecords): void {
    for (const { value } of records) {
      this.#note(value);
      this.#contract.record(partition, value);
    }
    this.#positions.set(partition, next);
  }

  #note(value: Uint8Array): void {
    const atMs = systemClock.monotonicMs();
    const { eventType, payload } = events.EventEnvelope.decode(value);
    if (eventType === EventType.EVENT_TYPE_PRESENCE_RESET) {
      const { shard, begin } = presence.PresenceResetEvent.decode(payload);
      this.history.resets.push({ atMs, shard, begin });
      this.#why = `PRESENCE_RESET of shard ${shard} at ${begin}`;
      return;
    }
    const { userId, version, shard, cause } = presence.PresenceUpdateEvent.decode(payload);
    const online = eventType === EventType.EVENT_TYPE_USER_ONLINE;
    this.history.transitions.push({ atMs, userId, online, version, shard, cause: causeName(cause) });
    this.#why = `event ${causeName(cause)}`;
  }

  #believe({ userId, online, version }: { userId: string; online: boolean; version: number }): void {
    const atMs = systemClock.monotonicMs();
    const belief = online ? "online" : "offline";
    this.history.statements.push({ atMs, sinceMs: atMs, userId, belief, version, why: this.#why });
  }
}
