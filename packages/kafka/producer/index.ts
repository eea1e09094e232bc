export type { TopicCreation } from "./ensure-topic.ts";
export type { BroadcastRecord, ProducedRecord } from "./produced-record.ts";
export { openTopicProducer, type TopicProducer, type TopicProducerSettings } from "./topic-producer.ts";
