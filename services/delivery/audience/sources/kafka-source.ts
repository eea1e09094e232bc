import type { KafkaAccess } from "@realchat/presence-kafka/access";
import { KafkaTopic, type TopicSource } from "@realchat/presence-kafka/consumer";
import type { Clock, Log } from "@realchat/presence-runtime";
import type { AudienceDirectory } from "../directory.ts";
import type { AudienceListener } from "../listener.ts";
import { type FollowerMetrics, TopicFollower } from "./topic-follower.ts";
import { type AudienceTopic, audienceTopics, type TopicNames } from "./topics.ts";

export interface KafkaSourceOptions {
  /** How to get to the brokers. */
  readonly kafka: KafkaAccess;
  readonly topics: TopicNames;
  readonly directory: AudienceDirectory;
  readonly listener: AudienceListener;
  readonly clock: Clock;
  readonly log: Pick<Log, "info" | "warn" | "error">;
}

/**
 * What Kafka says about who may see whom. Every gateway reads all partitions of all topics by itself; what it applies
 * after another one changes nothing, and tells it whom to look at.
 */
export class KafkaSource {
  readonly #followers: ReadonlyMap<AudienceTopic, TopicFollower>;
  readonly #directory: AudienceDirectory;
  readonly #listener: AudienceListener;
  readonly #stop = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  #wasComplete = false;

  /** @param openTopic how a topic is read; default from Kafka */
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

  /** Begins to read, and goes on for ever. */
  start(): void {
    this.#running = Promise.all([...this.#followers.values()].map((follower) => follower.run(this.#stop.signal)));
  }

  /** Resolves when nothing is applied any more. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /**
   * Whether the directory has everything that was written before the start. As long as it has not, it may know of a
   * conversation and not yet of the block.
   */
  get isComplete(): boolean {
    const { generation } = this.#directory;
    return generation !== undefined && this.#all.every(({ completeIn }) => completeIn === generation);
  }

  health(): { readonly ready: boolean; readonly detail: string } {
    // What cannot be read may be a block.
    const ready = this.isComplete && !this.#all.some(({ isHeld }) => isHeld);
    return { ready, detail: this.#all.map(({ detail }) => detail).join("; ") };
  }

  /** By topic, as it is called by default. */
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
