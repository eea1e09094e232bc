export { openRedirect, type Redirect } from "./redirect.ts";
export { type RedisSite, redisKinds, siteOn } from "./redis-kinds.ts";
export { assertTwins, assertTwinsIn } from "./script-twins.ts";
