import type { KafkaAccess } from "@realchat/presence-kafka/access";
import { KafkaTopic, type TopicSource } from "@realchat/presence-kafka/consumer";
import type { Clock, Log } from "@realchat/presence-runtime";
import type { AudienceDirectory } from "../directory.ts";
import type { AudienceListener } from "../listener.ts";
import { type FollowerMetrics, TopicFollower } from "./topic-follower.ts";
import { type AudienceTopic, audienceTopics, type TopicNames } from "./topics.ts";

export interface KafkaSourceOptions {
  /** Connection to the brokers. */
  readonly kafka: KafkaAccess;
  readonly topics: TopicNames;
  readonly directory: AudienceDirectory;
  readonly listener: AudienceListener;
  readonly clock: Clock;
  readonly log: Pick<Log, "info" | "warn" | "error">;
}

/**
 * Reads relations from Kafka. Every gateway reads all partitions of all topics itself. Records that another gateway
 * applied first change nothing; applying them still returns the affected pairs.
 */
export class KafkaSource {
  readonly #followers: ReadonlyMap<AudienceTopic, TopicFollower>;
  readonly #directory: AudienceDirectory;
  readonly #listener: AudienceListener;
  readonly #stop = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  #wasComplete = false;

  /** @param openTopic opens a topic; default: in Kafka */
  constructor(
    options: KafkaSourceOptions,
    openTopic: (name: string) => TopicSource = (name) =>
      new KafkaTopic({ ...options.kafka, topic: name, clock: options.clock }),
  ) {
    const { topics, directory, listener, clock, log } = options;
    this.#directory = directory;
    this.#listener = listener;
    const completenessChanged = () => this.#completenessChanged();
    this.#followers = new Map(
      audienceTopics.map((topic) => {
        const name = topics[topic];
        const rest = { directory, listener, completenessChanged, clock, log };
        return [topic, new TopicFollower({ topic, name, source: openTopic(name), ...rest })];
      }),
    );
  }

  /** Reads until it is stopped. */
  start(): void {
    this.#running = Promise.all([...this.#followers.values()].map((follower) => follower.run(this.#stop.signal)));
  }

  /** Resolves when the last batch is applied. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /**
   * Whether the directory has every record written before the start. Before that, it may know a conversation and not
   * yet the block.
   */
  get isComplete(): boolean {
    const { generation } = this.#directory;
    return generation !== undefined && this.#all.every(({ completeIn }) => completeIn === generation);
  }

  health(): { readonly ready: boolean; readonly detail: string } {
    // A record that cannot be read may be a block.
    const ready = this.isComplete && !this.#all.some(({ isHeld }) => isHeld);
    return { ready, detail: this.#all.map(({ detail }) => detail).join("; ") };
  }

  /** By the topic's default name. */
  metrics(): ReadonlyMap<AudienceTopic, FollowerMetrics> {
    return new Map([...this.#followers].map(([topic, { metrics }]) => [topic, metrics]));
  }

  get #all(): TopicFollower[] {
    return [...this.#followers.values()];
  }

  #completenessChanged(): void {
    const isComplete = this.isComplete;
    if (isComplete && !this.#wasComplete) this.#listener.recheckAll();
    this.#wasComplete = isComplete;
  }
}
