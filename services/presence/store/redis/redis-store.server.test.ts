import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type RedisSite, redisKinds } from "@realchat/presence-redis/testing";
import { systemClock } from "@realchat/presence-runtime/clock";
import { shardOf } from "../../domain/shard.ts";
import { streamIdOf } from "../../domain/version.ts";
import { lateChanges } from "../contract/late-changes.contract.ts";
import { recovering } from "../contract/recovering.contract.ts";
import { contractOptions } from "../contract/store-harness.ts";
import { storeContract } from "../store.contract.ts";
import { type ShardKeys, shardKeys } from "./keys.ts";
import { openRedisHarness } from "./testing/redis-harness.ts";

const anna = { userId: "anna", instanceId: "g", connectionId: "", previousSessionId: "" };

for (const kind of redisKinds) {
  describe(`the store on ${kind.name}`, () => {
    let site: RedisSite;
    before(async () => {
      site = await kind.start();
    });
    after(() => site.stop());

    storeContract((options) => openRedisHarness(site, options));
    recovering((options) => openRedisHarness(site, options));
    lateChanges((options) => openRedisHarness(site, options));

    test("versions go on from the log when the clock stepped back, even from one trimmed empty (P3)", async () => {
      const { store, close } = await openRedisHarness(site, contractOptions);
      const shard = shardOf("anna", store.shardCount);
      const { log } = shardKeys(store.shardCount)[shard] as ShardKeys;
      const ahead = 4_000_000_000_000_998;
      const someone = ["ben", "1", "1", "phone", "g", "0"].join("\0");
      await site.send(log, "XADD", log, streamIdOf(ahead), "e", someone);
      const first = await store.register({ ...anna, deviceId: "phone" });
      await site.send(log, "XTRIM", log, "MAXLEN", "0");
      await store.unregister({ userId: "anna", deviceId: "phone", sessionId: "", reason: "UNSPECIFIED" });
      assert(first.kind === "registered");
      assert.equal(first.version, ahead + 1);
      assert.equal((await store.users(["anna"]))[0]?.version, ahead + 2);
      assert.equal(await store.lastVersion(shard), ahead + 2);
      await close();
    });

    test("what was published is trimmed by the age of versions, though they lead the clock (P4)", async () => {
      const { store, close } = await openRedisHarness(site, contractOptions);
      const { log } = shardKeys(store.shardCount)[0] as ShardKeys;
      const userIds = Array.from({ length: 1_000 }, (_, index) => `user-${index}`);
      await Promise.all(userIds.map((userId) => store.register({ ...anna, userId, deviceId: "phone" })));
      const ahead = systemClock.nowUs() + 61_000_000;
      await site.send(log, "XADD", log, streamIdOf(ahead), "e", `\0begin\0${ahead}`);
      const lease = await store.claim(0, "node", 60_000);
      const before = (await store.tick(0, 0)).logLength;
      await store.advance(0, lease?.fence as number, { kafka: ahead });
      const { logLength } = await store.tick(0, 0);
      assert(before > 400 && logLength <= 101, `${logLength} of ${before} entries are left`);
      await close();
    });

    test("a server that restated by itself during a fail-over and back hides no loss (P3)", async () => {
      const { store, copy, setBack, close } = await openRedisHarness(site, contractOptions);
      const shard = shardOf("anna", store.shardCount);
      const { log } = shardKeys(store.shardCount)[shard] as ShardKeys;
      await copy();
      await setBack("another server");
      const { begin } = await store.tick(shard, 0);
      await store.register({ ...anna, deviceId: "phone" });
      await store.tick(shard, 0);
      await setBack("the same server");
      // Some other node stayed with it, for longer than a begin is ahead of what is known.
      await site.send(log, "XADD", log, streamIdOf(begin + 10_000_000), "e", `\0begin\0${begin + 10_000_000}`);
      const lease = await store.claim(shard, "another node", 60_000);
      const restating = await store.beginRestating(shard, lease?.fence as number);
      const after = await store.tick(shard, 0);
      assert(after.begin > (restating as number) && after.recoveringMs > 0, JSON.stringify(after));
      await close();
    });

    // Deadlines name user and session_id, so these two share one.
    test("restating reads past what is no record, and writes a version of any length (P8)", async () => {
      const { store, close } = await openRedisHarness(site, contractOptions);
      const shard = shardOf("anna", store.shardCount);
      const { recordPrefix } = shardKeys(store.shardCount)[shard] as ShardKeys;
      const others = Array.from({ length: 1_000 }, (_, index) => `user-${index}`);
      const [strange, unreadable] = others.filter((userId) => shardOf(userId, store.shardCount) === shard);
      await site.send(recordPrefix, "HSET", `${recordPrefix}${strange}`, "a", "hash");
      await site.send(recordPrefix, "SET", `${recordPrefix}${unreadable}`, "12345 of another program");
      const registered = await store.register({ ...anna, deviceId: "phone" });
      assert(registered.kind === "registered");
      const short = `77\nphone\t${registered.sessionId}\x1fg`;
      await site.send(recordPrefix, "SET", `${recordPrefix}anna`, short);
      const lease = await store.claim(shard, "node", 60_000);
      const begin = (await store.beginRestating(shard, lease?.fence as number)) as number;
      const duties = new Map([[shard, { begin, fence: lease?.fence as number }]]);
      let restated = 0;
      let cursor = "";
      do {
        const step = await store.restate(cursor, duties);
        restated += step.restated;
        assert.equal(step.failed.size, 0);
        cursor = step.cursor;
      } while (cursor !== "");
      assert.equal(restated, 1);
      const [user] = await store.users(["anna"]);
      assert((user?.version as number) > begin);
      assert.deepEqual(
        user?.devices.map(({ deviceId, instanceId }) => [deviceId, instanceId]),
        [["phone", "g"]],
      );
      await close();
    });

    test("two devices that were given one session_id leave no ghost, whichever ends first (P2)", async () => {
      const { store, elapse, close } = await openRedisHarness(site, contractOptions);
      for (const deviceId of ["phone", "laptop"]) {
        await store.register({ ...anna, deviceId, previousSessionId: "5" });
      }
      await store.unregister({ userId: "anna", deviceId: "phone", sessionId: "5", reason: "UNSPECIFIED" });
      assert.equal((await store.users(["anna"]))[0]?.online, true);
      await elapse(contractOptions.rules.ttlMs + 1_000);
      assert.equal((await store.users(["anna"]))[0]?.online, false);
      await close();
    });
  });
}
