import { after, before, describe } from "node:test";
import { startRedis, type TestRedis } from "@realchat/presence-testing";
import { storeContract } from "../store.contract.ts";
import { openRedisHarness } from "./testing/redis-harness.ts";

let redis: TestRedis;
before(async () => {
  redis = await startRedis();
});
after(() => redis.stop());

describe("Redis store", () => {
  storeContract((options) => openRedisHarness(redis.url, options));
});
