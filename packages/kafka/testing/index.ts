export { ScriptedTopic } from "./scripted-topic.ts";
export { type SecuredKafka, startSecuredKafka } from "./secured-kafka.ts";
