import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { systemClock } from "@realchat/presence-runtime/clock";
import { startRedis, type TestRedis, waitUntil } from "@realchat/presence-testing";
import { createClient } from "@redis/client";
import type { AudienceDirectory } from "../directory.ts";
import { directoryContract } from "../testing/directory.contract.ts";
import { RedisDirectory } from "./redis-directory.ts";

let redis: TestRedis;
before(async () => {
  redis = await startRedis();
});
after(() => redis.stop());

const room = { kind: "conversation", at: 5, conversationId: "room", participants: ["ann", "bob"] } as const;
const batch = { origin: { source: "topic:0", after: undefined, upTo: { offset: 3, at: 5 } }, changes: [room] };

async function openDirectory(t: { after(run: () => Promise<void>): void }): Promise<RedisDirectory> {
  const directory = new RedisDirectory({ url: redis.url, commandTimeoutMs: 500 }, systemClock);
  t.after(() => directory.close());
  await directory.open();
  return directory;
}

async function flush(): Promise<void> {
  const client = createClient({ url: redis.url });
  await client.connect();
  await client.sendCommand(["FLUSHALL"]);
  client.destroy();
}

function untilReady(directory: AudienceDirectory): Promise<unknown> {
  return waitUntil(() => directory.health().ready, { what: "the directory is ready" });
}

describe("Redis directory", () => {
  directoryContract(
    async () => {
      const client = createClient({ url: redis.url });
      await client.connect();
      await client.sendCommand(["FLUSHALL"]);
      const directories = [
        new RedisDirectory({ url: redis.url }, systemClock),
        new RedisDirectory({ url: redis.url }, systemClock),
      ] as const;
      for (const directory of directories) await directory.open();
      return {
        directories,
        async empty() {
          // All but the mark of which data these are.
          const keys = (await client.sendCommand(["KEYS", "audience:*"])) as unknown as string[];
          const content = keys.filter((key) => !key.endsWith(":mark"));
          if (content.length > 0) await client.sendCommand(["DEL", ...content]);
          await client.sendCommand(["HDEL", "audience:{audience}:mark", "imports", "relations"]);
        },
        async close() {
          for (const directory of directories) await directory.close();
          client.destroy();
        },
      };
    },
    { randomRuns: 40 },
  );

  test("while Redis is away every call fails at once as UNAVAILABLE, and afterwards it is back by itself", async (t) => {
    const directory = await openDirectory(t);
    await directory.apply(batch);
    await redis.kill();
    await waitUntil(() => !directory.health().ready, { what: "the directory noticed" });
    await assert.rejects(directory.visibleTo("ann", 10), { name: "AudienceError", code: "UNAVAILABLE" });
    await assert.rejects(directory.maySee("ann", ["bob"]), { code: "UNAVAILABLE" });
    await assert.rejects(directory.apply(batch), { code: "UNAVAILABLE" });
    await assert.rejects(directory.state(), { code: "UNAVAILABLE" });
    await redis.restart();
    await untilReady(directory);
    await directory.apply(batch);
    assert.deepEqual((await directory.visibleTo("ann", 10)).users, ["bob"]);
  });

  test("a Redis that does not answer is given up after the timeout", async (t) => {
    const directory = await openDirectory(t);
    redis.pause();
    try {
      await assert.rejects(directory.visibleTo("ann", 10), { code: "UNAVAILABLE" });
    } finally {
      redis.resume();
    }
    await untilReady(directory);
  });

  test("a Redis that is not there yet is waited for", async (t) => {
    await redis.kill();
    const directory = await openDirectory(t);
    assert.equal(directory.health().ready, false);
    assert.equal(directory.generation, undefined);
    await redis.restart();
    await untilReady(directory);
    assert.notEqual(directory.generation, undefined);
  });

  test("a Redis that lost its data answers no read as if nobody saw anybody: first its generation changes", async (t) => {
    const directory = await openDirectory(t);
    await directory.apply(batch);
    const { generation } = directory;
    await flush();
    await assert.rejects(directory.visibleTo("ann", 10), { code: "UNAVAILABLE" });
    await untilReady(directory);
    assert.notEqual(directory.generation, generation);
    const later = { ...batch, origin: { source: "topic:0", after: { offset: 3, at: 5 }, upTo: { offset: 4, at: 6 } } };
    await assert.rejects(directory.apply(later), { code: "REWOUND", message: /read up to 3.*holds nothing of it/ });
  });

  test("gateways that start together agree on the generation", async (t) => {
    await flush();
    const directories = await Promise.all(Array.from({ length: 5 }, () => openDirectory(t)));
    assert.equal(new Set(directories.map(({ generation }) => generation)).size, 1);
  });

  test("data of another schema are left alone", async (t) => {
    await flush();
    const client = createClient({ url: redis.url });
    await client.connect();
    t.after(() => client.destroy());
    await client.sendCommand(["HSET", "audience:{audience}:mark", "schema", "99"]);
    await assert.rejects(openDirectory(t), { code: "REFUSED", message: /schema version 99/ });
    await flush();
  });

  test("all keys are in one slot and carry the prefix", async (t) => {
    await flush();
    const directory = await openDirectory(t);
    await directory.apply(batch);
    await directory.apply({ changes: [{ kind: "blocked", at: 9, userId: "ann", blockedId: "bob" }] });
    const client = createClient({ url: redis.url });
    await client.connect();
    t.after(() => client.destroy());
    const keys = (await client.sendCommand(["KEYS", "*"])) as unknown as string[];
    assert.equal(keys.length, 9);
    for (const key of keys) assert.ok(key.startsWith("audience:{audience}:"), key);
  });

  test("what is no id is visible to nobody, and harms nobody", async (t) => {
    await flush();
    const directory = await openDirectory(t);
    await directory.apply({ changes: [{ ...room, conversationId: "ids" }] });
    const seen = await directory.maySee("ann", ["\ud800", "a\nb", "", "x".repeat(200), "bob"]);
    assert.deepEqual(seen, new Set(["bob"]));
  });
});
