export { type Fetched, fetchLoop, reconnectPace } from "./fetch-loop.ts";
export { KafkaTopic, type KafkaTopicSettings } from "./kafka-topic.ts";
export { isPastHistory, isWithin, nearestWithin } from "./log-bounds.ts";
export { headersIn } from "./record-batch.ts";
export type {
  AheadRecords,
  FetchedRecords,
  LogBounds,
  TopicReader,
  TopicRecord,
  TopicSource,
  UnreadableBatch,
} from "./topic-source.ts";
