import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type RedisSite, redisKinds } from "@realchat/presence-redis/testing";
import { systemClock } from "@realchat/presence-runtime/clock";
import { directoryKeys } from "../../audience/redis/keys.ts";
import { RedisDirectory } from "../../audience/redis/redis-directory.ts";
import { fields, nothing } from "../policy.ts";
import { policyDirectoryContract } from "../testing/policy-directory.contract.ts";
import { RedisPolicyDirectory } from "./redis-policy-directory.ts";

const { mark, policies: policiesKey, hidden: hiddenKey, prefix } = directoryKeys();

async function openGateway({ place }: RedisSite) {
  const stored = new RedisDirectory(place, systemClock);
  await stored.open();
  return { stored, policies: new RedisPolicyDirectory(stored.server) };
}

for (const kind of redisKinds) {
  describe(`policies on ${kind.name}`, () => {
    let site: RedisSite;
    before(async () => {
      site = await kind.start();
    });
    after(() => site.stop());

    policyDirectoryContract(async () => {
      await site.sendToAll("FLUSHALL");
      const gateways = [await openGateway(site), await openGateway(site)] as const;
      return {
        gateways,
        async close() {
          for (const { stored } of gateways) await stored.close();
        },
      };
    });

    test("what another program put in their place hides, and is named", async (t) => {
      await site.sendToAll("FLUSHALL");
      const { stored, policies } = await openGateway(site);
      t.after(() => stored.close());
      const change = {
        kind: "policy",
        at: 5,
        userId: "ann",
        policy: '{"invisible":true,"online":"audience"}',
      } as const;
      await stored.apply({ changes: [change] });
      await site.send(mark, "HSET", policiesKey, "ann", "rubbish", "bob", "7 rubbish");
      const read = await policies.policiesOf(["ann", "bob", "cid"]);
      assert.equal(read.get("ann")?.policy, nothing);
      assert.equal(read.get("bob")?.policy, nothing);
      assert.equal(read.get("cid")?.policy.online, "audience");
      await site.send(mark, "HSET", hiddenKey, "ann", "rubbish");
      const state = (await policies.policiesOf(["ann"])).get("ann")?.hidden;
      assert.deepEqual([state?.lastSeenMs, state?.deviceId, state?.status], [0, "", undefined]);
      for (const key of [policiesKey, hiddenKey, `${prefix}changed-policies`]) {
        await site.send(mark, "DEL", key);
        await site.send(mark, "SET", key, "rubbish");
      }
      for (const [userId, known] of await policies.policiesOf(["ann", "cid"])) {
        for (const field of fields) assert.equal(known.policy[field], "nobody", userId);
        assert.equal(known.hidden?.lastSeenMs, 0);
      }
      await stored.apply({
        changes: [
          { ...change, at: 6 },
          { kind: "contact-added", at: 6, userId: "ann", contactId: "bob" },
        ],
      });
      assert.deepEqual(await stored.contactsAmong("ann", ["bob"]), new Set(["bob"]));
      await stored.state();
      assert.ok(stored.metrics().unreadable >= 4);
    });

    test("those who ask at once are answered by one call, and who asks later by another one", async (t) => {
      await site.sendToAll("FLUSHALL");
      const { stored, policies } = await openGateway(site);
      t.after(() => stored.close());
      const asked = () => stored.metrics().operations["policies-of"]?.count;
      const [ann, bob] = await Promise.all([policies.policiesOf(["ann"]), policies.policiesOf(["bob", "ann"])]);
      assert.equal(asked(), 1);
      await stored.apply({
        changes: [{ kind: "policy", at: 5, userId: "ann", policy: '{"invisible":true}' }],
      });
      const later = await policies.policiesOf(["ann"]);
      assert.equal(asked(), 2);
      const isInvisible = [ann, bob, later].map((known) => known.get("ann")?.policy.invisible);
      assert.deepEqual([...isInvisible, bob.get("bob")?.policy.invisible], [false, false, true, false]);
    });

    test("the clock does not go back with Redis' own", async (t) => {
      await site.sendToAll("FLUSHALL");
      const { stored, policies } = await openGateway(site);
      t.after(() => stored.close());
      const aheadUs = systemClock.nowUs() + 3_600_000_000;
      await site.send(mark, "HSET", mark, "clock", String(aheadUs));
      await policies.policiesOf(["ann"]);
      assert.ok(policies.nowUs() >= aheadUs);
    });
  });
}
