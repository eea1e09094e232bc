import type { PublishedEntry } from "../domain/log-entry.ts";

/**
 * The port that publishes transitions to other services. At least once and in order: the caller retries a rejected
 * publish until it resolves, and consumers ignore a version that is not newer than theirs.
 */
export interface EventPublisher {
  /** Names this publisher's cursor in the store, so it never changes. */
  readonly name: "kafka" | "redis-pubsub" | "memory";
  /** Starts to connect. Resolves after the first attempt, whether it succeeded or not, and retries. */
  open(): Promise<void>;
  /**
   * Resolves when all are durably accepted, in this order per user, and of one shard transitions in their order to
   * complete marks. After a rejection some may have been accepted: the
   * same ones, or the same and more, may be published again. One call at a time.
   */
  publish(entries: readonly PublishedEntry[]): Promise<void>;
  /** Lets a publish in flight finish, for at most `graceMs`; then it rejects, and so does every later one. */
  close(graceMs: number): Promise<void>;
  health(): PublisherHealth;
  metrics(): PublisherMetrics;
}

/** Thrown by a constructor: the options cannot work; the message says which, why, and what would be right. */
export class PublisherRefusal extends Error {
  override readonly name = "PublisherRefusal";
}

export interface PublisherHealth {
  readonly ready: boolean;
  /** One line for people; never holds a credential. */
  readonly detail: string;
}

/** Metrics read at scrape; all but `bounds` only grow. */
export interface PublisherMetrics {
  /** Transitions accepted, the requests that carried them, and their size, bytes. */
  readonly transitions: number;
  readonly requests: number;
  readonly bytes: number;
  /** Publishes that were rejected. */
  readonly failures: number;
  /** Time that accepted publishes took together, ms. */
  readonly totalMs: number;
  /** Times that a connection was made; 0 where there is none. */
  readonly connects: number;
  /** How full each bounded queue is: `used` of `limit`. */
  readonly bounds: Readonly<Record<string, { used: number; limit: number }>>;
}
