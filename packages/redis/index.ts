export { type ConnectionOptions, type RedisClient, RedisConnection } from "./connection.ts";
export { parseRedisUrl, type RedisAddress } from "./redis-address.ts";
export { codeBehind, describe, RedisError, type RedisErrorCode, replyBehind } from "./redis-error.ts";
export type { RedisPlace } from "./redis-place.ts";
export { integer, list, type Reply, text } from "./replies.ts";
export { runScript, type Script, scriptsIn, type Values, withSource } from "./script.ts";
export { checkServer } from "./server-check.ts";
