export { type RedisSite, redisKinds } from "./redis-kinds.ts";
export { assertTwins, assertTwinsIn } from "./script-twins.ts";
