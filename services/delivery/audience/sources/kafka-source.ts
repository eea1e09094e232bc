import type { KafkaAccess } from "@realchat/presence-kafka/access";
import { KafkaTopic, type TopicSource } from "@realchat/presence-kafka/consumer";
import type { Clock, Log } from "@realchat/presence-runtime";
import type { AudienceDirectory } from "../directory.ts";
import type { DirectoryListener } from "../listener.ts";
import { EndOfTopic } from "./end-of-topic.ts";
import { type FollowerMetrics, TopicFollower } from "./topic-follower.ts";
import { type AudienceTopic, audienceTopics, type TopicNames } from "./topics.ts";

export interface KafkaSourceOptions {
  /** Connection to the brokers. */
  readonly kafka: KafkaAccess;
  readonly topics: TopicNames;
  readonly directory: AudienceDirectory;
  readonly listener: DirectoryListener;
  readonly clock: Clock;
  readonly log: Pick<Log, "info" | "warn" | "error">;
}

/**
 * Reads relations and policies from Kafka. Every gateway reads all partitions of all topics itself. Records that another gateway
 * applied first change nothing; applying them still returns the affected pairs.
 */
export class KafkaSource {
  readonly #followers: ReadonlyMap<AudienceTopic, TopicFollower>;
  readonly #directory: AudienceDirectory;
  readonly #listener: DirectoryListener;
  readonly #stop = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  readonly #privacyEnd: EndOfTopic;
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
        const progressed = topic === "presence.privacy" ? () => this.#privacyEnd.progressed() : () => {};
        return [topic, new TopicFollower({ topic, name, source: openTopic(name), progressed, ...rest })];
      }),
    );
    const privacy = this.#followers.get("presence.privacy") as TopicFollower;
    // Of its own: a broker answers one request of a connection after the other, and a fetch may wait.
    this.#privacyEnd = new EndOfTopic({ source: openTopic(topics["presence.privacy"]), follower: privacy, clock });
  }

  /** Reads until it is stopped. */
  start(): void {
    this.#running = Promise.all([...this.#followers.values()].map((follower) => follower.run(this.#stop.signal)));
  }

  /** Resolves when the last batch is applied. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#privacyEnd.close();
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

  /** See Policies. */
  atEndOfPrivacy(): Promise<void> {
    return this.#privacyEnd.reached();
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
