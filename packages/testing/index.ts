export { type Child, startChild } from "./child.ts";
export { freePort } from "./free-port.ts";
export { type KafkaOptions, sharedKafka, startKafka, type TestKafka } from "./kafka.ts";
export { type PresenceOptions, startPresence, type TestPresence } from "./presence.ts";
export { type RedisOptions, startRedis, type TestRedis } from "./redis.ts";
export { seed } from "./seed.ts";
export { temporaryFolder } from "./temporary-folder.ts";
export { waitUntil } from "./wait-until.ts";
