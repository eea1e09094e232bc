export type { PresenceChange } from "../presence-change.ts";
export { PresenceClientError, type PresenceClientErrorCode } from "../presence-client-error.ts";
export type { KafkaSasl, KafkaTls, PresenceFeedOptions } from "./kafka-options.ts";
export { KafkaTopic, type TopicSettings } from "./kafka-topic.ts";
export { type FeedMetrics, type FeedNews, type PresenceFeed, presenceFeed } from "./presence-feed.ts";
export { headersIn } from "./record-batch.ts";
export type {
  AheadRecords,
  FetchedRecords,
  TopicRecord,
  TopicSession,
  TopicSource,
  UnreadableBatch,
} from "./topic-source.ts";
