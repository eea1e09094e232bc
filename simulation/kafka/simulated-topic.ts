import type { FetchedRecords, TopicReader, TopicSource } from "@realchat/presence-kafka/consumer";
import { KafkaError } from "@realchat/presence-kafka/error";
import { isMark, type PublishedEntry } from "../../services/presence/domain/log-entry.ts";
import { shardOf } from "../../services/presence/domain/shard.ts";
import { encodeEnvelope } from "../../services/presence/events/codec.ts";
import type { EventPublisher, PublisherHealth, PublisherMetrics } from "../../services/presence/events/publisher.ts";
import type { Path } from "../network/path.ts";
import type { Machine } from "../time/machine.ts";

/** How long a broker lets a fetch wait for records, and how long a client waits for a broker, ms. */
const fetchWaitMs = 5_000;
const requestTimeoutMs = 3_000;
const leader = 1;

interface TopicRecord {
  readonly offset: bigint;
  readonly timestampMs: number;
  readonly value: Uint8Array;
}

/** Presence's topic on a broker: partitions, each in its order and with delays of its own; whatever is acknowledged stays. */
export class SimulatedTopic {
  readonly broker: Machine;
  readonly #partitions: TopicRecord[][];
  readonly #waiting = new Set<() => void>();
  /** Refuses everything. */
  isAway = false;
  /** The chance that what was written is not acknowledged. */
  lostAckChance = 0;
  /** Most that a partition's records lag behind, ms. */
  lagMs = 0;
  readonly #visibleAtMs: number[];

  constructor(broker: Machine, partitions: number) {
    this.broker = broker;
    this.#partitions = Array.from({ length: partitions }, () => []);
    this.#visibleAtMs = this.#partitions.map(() => 0);
  }

  get partitions(): number {
    return this.#partitions.length;
  }

  publisher(machine: Machine, path: Path): EventPublisher {
    return new SimulatedPublisher(this, machine, path);
  }

  source(machine: Machine, path: Path): TopicSource {
    return { open: (_, stop) => this.#open(machine, path, stop) };
  }

  /** @throws KafkaError when it refuses */
  append(entries: readonly PublishedEntry[]): void {
    if (this.isAway) throw new KafkaError("UNAVAILABLE", "the broker refuses");
    const { length: partitions } = this.#partitions;
    for (const entry of entries) {
      const value = encodeEnvelope(entry);
      if (isMark(entry)) for (let partition = 0; partition < partitions; partition++) this.#write(partition, value);
      else this.#write(shardOf(entry.userId, partitions), value);
    }
    if (this.lostAckChance > 0 && this.broker.random() < this.lostAckChance) {
      throw new KafkaError("UNAVAILABLE", "the answer was lost");
    }
  }

  #write(partition: number, value: Uint8Array): void {
    const nowMs = this.broker.monotonicMs();
    const atMs = Math.max(nowMs + this.broker.random() * this.lagMs, this.#visibleAtMs[partition] ?? 0);
    this.#visibleAtMs[partition] = atMs;
    this.broker.after(atMs - nowMs, () => {
      const log = this.#partitions[partition] as TopicRecord[];
      log.push({ offset: BigInt(log.length), timestampMs: -1, value });
      for (const wake of [...this.#waiting]) wake();
    });
  }

  async #open(machine: Machine, path: Path, stop: AbortSignal): Promise<TopicReader> {
    const waiting = new Set<(why: string) => void>();
    const close = () => {
      for (const fail of waiting) fail("closed");
    };
    stop.addEventListener("abort", close, { once: true });
    const request = <Answer>(ask: () => Promise<Answer>) => this.#request(machine, path, waiting, ask);
    await request(async () => {});
    return {
      topicId: "presence.events.v1",
      partitions: this.#partitions.length,
      leaders: [leader],
      bounds: () =>
        request(async () =>
          this.#partitions.map((log, partition) => ({ partition, start: 0n, highWatermark: BigInt(log.length) })),
        ),
      fetch: (_, positions) => request(() => this.#fetch(positions)),
      lookAhead: async () => [],
      isOutdated: async () => false,
      close,
    };
  }

  /** One request of a reader to the broker and its answer. */
  #request<Answer>(
    machine: Machine,
    path: Path,
    waiting: Set<(why: string) => void>,
    ask: () => Promise<Answer>,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const fail = (why: string) => settle(() => reject(new KafkaError("UNAVAILABLE", why)));
      const stop = machine.after(fetchWaitMs + requestTimeoutMs, () => fail("no answer"));
      const settle = (run: () => void) => {
        stop();
        waiting.delete(fail);
        run();
      };
      waiting.add(fail);
      path.send(this.broker, () => {
        const refused = () => Promise.reject(new KafkaError("UNAVAILABLE", "the broker refuses"));
        (this.isAway ? refused() : ask()).then(
          (answer) => path.send(machine, () => settle(() => resolve(answer))),
          (error) => path.send(machine, () => settle(() => reject(error))),
        );
      });
    });
  }

  async #fetch(positions: ReadonlyMap<number, bigint>): Promise<FetchedRecords[]> {
    const isAtEnd = () => this.#partitions.every((log, partition) => (positions.get(partition) ?? 0n) >= log.length);
    if (isAtEnd()) await this.#news();
    return [...positions].map(([partition, position]) => {
      const log = this.#partitions[partition] as TopicRecord[];
      const next = BigInt(log.length);
      const records = log.slice(Number(position));
      return { partition, records, next, unreadable: [], highWatermark: next, isHeld: false };
    });
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        stop();
        resolve();
      };
      const stop = this.broker.after(fetchWaitMs, wake);
      this.#waiting.add(wake);
    });
  }
}

/** Writes to the topic from a node. */
class SimulatedPublisher implements EventPublisher {
  readonly name = "kafka";
  readonly #topic: SimulatedTopic;
  readonly #machine: Machine;
  readonly #path: Path;
  #isClosed = false;

  constructor(topic: SimulatedTopic, machine: Machine, path: Path) {
    this.#topic = topic;
    this.#machine = machine;
    this.#path = path;
  }

  async open(): Promise<void> {}

  publish(entries: readonly PublishedEntry[]): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(new KafkaError("UNAVAILABLE", "the publisher is closed"));
      const late = () => reject(new KafkaError("UNAVAILABLE", `not accepted within ${requestTimeoutMs} ms`));
      const stop = this.#machine.after(requestTimeoutMs, late);
      const answer = (settle: () => void) =>
        this.#path.send(this.#machine, () => {
          stop();
          settle();
        });
      this.#path.send(this.#topic.broker, () => {
        try {
          this.#topic.append(entries);
          answer(resolve);
        } catch (error) {
          answer(() => reject(error));
        }
      });
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  health(): PublisherHealth {
    return { ready: !this.#isClosed, detail: "simulated" };
  }

  metrics(): PublisherMetrics {
    return { transitions: 0, requests: 0, bytes: 0, failures: 0, totalMs: 0, connects: 0, bounds: {} };
  }
}
