export { type Child, startChild } from "./child.ts";
export { freePort } from "./free-port.ts";
export { type RedisOptions, startRedis, type TestRedis } from "./redis.ts";
export { temporaryFolder } from "./temporary-folder.ts";
export { waitUntil } from "./wait-until.ts";
