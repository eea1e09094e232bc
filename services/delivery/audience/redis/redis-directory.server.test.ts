import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { openRedirect, type RedisSite, redisKinds } from "@realchat/presence-redis/testing";
import { type Clock, systemClock } from "@realchat/presence-runtime/clock";
import { startRedis, type TestRedis, waitUntil } from "@realchat/presence-testing";
import { createClient } from "@redis/client";
import type { AudienceDirectory } from "../directory.ts";
import { directoryContract } from "../testing/directory.contract.ts";
import type { RedisDirectoryOptions } from "./directory-server.ts";
import { directoryKeys } from "./keys.ts";
import { RedisDirectory } from "./redis-directory.ts";

const { mark: markKey } = directoryKeys();

let redis: TestRedis;
before(async () => {
  redis = await startRedis();
});
after(() => redis.stop());

const room = { kind: "conversation", at: 5, conversationId: "room", participants: ["ann", "bob"] } as const;
const batch = { origin: { source: "topic:0", after: undefined, upTo: { offset: 3, at: 5 } }, changes: [room] };

/** The machine's, which a test puts forward where nothing but time has to pass. */
let aheadMs = 0;
const clock: Clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs };
/** A refusal that does not come again is told for so long. */
const refusalRecentMs = 10_000;

async function openDirectory(
  t: { after(run: () => Promise<void>): void },
  options: Pick<RedisDirectoryOptions, "keyPrefix"> = {},
): Promise<RedisDirectory> {
  const directory = new RedisDirectory({ url: redis.url, commandTimeoutMs: 500, ...options }, clock);
  t.after(() => directory.close());
  await directory.open();
  return directory;
}

async function command(...words: string[]): Promise<unknown> {
  const client = createClient({ url: redis.url });
  await client.connect();
  try {
    return await client.sendCommand(words);
  } finally {
    client.destroy();
  }
}

async function flush(): Promise<void> {
  await command("FLUSHALL");
}

/** Puts something else where the directory has a key of its own. */
async function spoil(key: string): Promise<void> {
  await command("DEL", `audience:{audience}:${key}`);
  await command("RPUSH", `audience:{audience}:${key}`, "rubbish");
}

function untilReady(directory: AudienceDirectory): Promise<unknown> {
  return waitUntil(() => directory.health().ready, { what: "the directory is ready" });
}

for (const kind of redisKinds) {
  describe(`the directory on ${kind.name}`, () => {
    let site: RedisSite;
    before(async () => {
      site = await kind.start();
    });
    after(() => site.stop());

    directoryContract(
      async () => {
        await site.sendToAll("FLUSHALL");
        const directories = [
          new RedisDirectory(site.place, systemClock),
          new RedisDirectory(site.place, systemClock),
        ] as const;
        for (const directory of directories) await directory.open();
        return {
          directories,
          async empty() {
            // All but the mark of which data these are.
            const keys = (await site.send(markKey, "KEYS", "audience:*")) as string[];
            const content = keys.filter((key) => key !== markKey);
            if (content.length > 0) await site.send(markKey, "DEL", ...content);
            await site.send(markKey, "HDEL", markKey, "imports", "relations");
          },
          async close() {
            for (const directory of directories) await directory.close();
          },
        };
      },
      { randomRuns: 40 },
    );
  });
}

describe("Redis directory", () => {
  test("shares Redis with that of another deployment, whose names begin otherwise", async (t) => {
    const directory = await openDirectory(t);
    const staging = await openDirectory(t, { keyPrefix: "staging:" });
    await staging.apply(batch);
    assert.deepEqual((await staging.visibleTo("ann", 10)).users, ["bob"]);
    assert.deepEqual([...(await staging.maySee("ann", ["bob"]))], ["bob"]);
    assert.deepEqual((await directory.visibleTo("ann", 10)).users, []);
    const names = (await command("KEYS", "staging:*")) as string[];
    assert.ok(names.includes("staging:audience:{audience}:member:room"));
    await flush();
  });

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

  test("a Redis that became a replica is left, for the server that its address leads to now", async (t) => {
    const heir = await startRedis();
    t.after(() => heir.stop());
    const redirect = await openRedirect(redis);
    t.after(() => redirect.close());
    const directory = new RedisDirectory({ url: redirect.url, commandTimeoutMs: 500 }, clock);
    t.after(() => directory.close());
    await directory.open();
    const before = directory.generation;
    redirect.to(heir);
    await command("REPLICAOF", heir.host, String(heir.port));
    t.after(() => command("REPLICAOF", "NO", "ONE"));
    // The state is asked for all the time, for imports: nobody else has to write anything.
    await directory.state();
    await waitUntil(() => !directory.health().ready, { what: "the directory noticed" });
    assert.equal(directory.metrics().connectionsLost.READONLY, 1);
    aheadMs += refusalRecentMs;
    await untilReady(directory);
    assert.notEqual(directory.generation, before);
    await directory.apply(batch);
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

  describe("what Redis refuses shows in its health, until it works again:", () => {
    const refusals = [
      {
        what: "READONLY, of a replica that was master",
        begin: () => command("REPLICAOF", "127.0.0.1", "1"),
        end: () => command("REPLICAOF", "NO", "ONE"),
        detail: /is a (read-only )?replica/,
      },
      {
        what: "NOREPLICAS",
        begin: () => command("CONFIG", "SET", "min-replicas-to-write", "1"),
        end: () => command("CONFIG", "SET", "min-replicas-to-write", "0"),
        detail: /Redis has too few replicas/,
      },
    ];
    for (const { what, begin, end, detail } of refusals) {
      test(what, async (t) => {
        await flush();
        const directory = await openDirectory(t);
        await directory.apply(batch);
        assert.ok(directory.health().ready);
        await begin();
        try {
          await directory.state().catch(() => {});
          assert.equal(directory.health().ready, false, "though nothing is to be written");
          assert.match(directory.health().detail, detail);
        } finally {
          await end();
        }
        assert.equal(directory.health().ready, false, "what was refused may be refused again");
        aheadMs += refusalRecentMs;
        await untilReady(directory);
        await directory.state();
        assert.ok(directory.health().ready, directory.health().detail);
      });
    }

    test("OOM, of changes", async (t) => {
      await flush();
      const directory = await openDirectory(t);
      await command("CONFIG", "SET", "maxmemory", "1");
      try {
        await assert.rejects(directory.apply(batch), { code: "UNAVAILABLE" });
        assert.match(directory.health().detail, /apply: Redis/);
        assert.equal(directory.health().ready, false);
      } finally {
        await command("CONFIG", "SET", "maxmemory", "0");
      }
      await directory.apply(batch);
      assert.ok(directory.health().ready);
    });
  });

  describe("a key that holds something else", () => {
    const people = ["ann", "bob", "cid", "dan", "eve", "fay", "gus"];

    /** Ann and bob share a room, and are contacts; ann and cid share a club. */
    async function scene(t: TestContext) {
      await flush();
      const named: string[] = [];
      const options = { url: redis.url, onUnreadable: (key: string) => named.push(key.replace(/^.*\}:/, "")) };
      const directory = new RedisDirectory(options, systemClock);
      t.after(() => directory.close());
      await directory.open();
      await directory.apply({
        changes: [
          { kind: "conversation", at: 5, conversationId: "room", participants: ["ann", "bob"] },
          { kind: "conversation", at: 5, conversationId: "club", participants: ["ann", "cid"] },
          { kind: "contact-added", at: 5, userId: "ann", contactId: "dan" },
          { kind: "contact-added", at: 5, userId: "dan", contactId: "ann" },
        ],
      });
      const sees = async (viewer: string) => {
        const { users } = await directory.visibleTo(viewer, 10);
        assert.deepEqual(await directory.maySee(viewer, people), new Set(users), viewer);
        return users.sort();
      };
      assert.deepEqual(await sees("ann"), ["bob", "cid", "dan"]);
      return { directory, named, sees };
    }

    const cases: [key: string, ann: string[]][] = [
      ["member:room", ["cid", "dan"]],
      ["member-of:ann", ["dan"]],
      ["contact:ann", ["bob", "cid"]],
      ["contact-of:ann", ["bob", "cid"]],
      ["block:ann", []],
      ["block-of:ann", []],
    ];
    for (const [key, ann] of cases) {
      test(`${key} shows nobody, is named once, and stops neither other questions nor other changes`, async (t) => {
        const { directory, named, sees } = await scene(t);
        await spoil(key);
        assert.deepEqual(await sees("ann"), ann);
        assert.deepEqual(await sees("cid"), ["ann"]);
        const changes = [
          { kind: "conversation", at: 6, conversationId: "room", participants: ["ann", "bob", "eve"] },
          { kind: "contact-added", at: 6, userId: "ann", contactId: "eve" },
          { kind: "contact-added", at: 6, userId: "eve", contactId: "ann" },
          { kind: "blocked", at: 6, userId: "ann", blockedId: "cid" },
          { kind: "blocked", at: 6, userId: "cid", blockedId: "ann" },
          { kind: "conversation", at: 6, conversationId: "hall", participants: ["fay", "gus"] },
        ] as const;
        await directory.apply({ origin: { source: "topic:0", after: undefined, upTo: { offset: 6, at: 6 } }, changes });
        assert.equal((await directory.state()).positions.get("topic:0")?.offset, 6);
        assert.deepEqual(await sees("fay"), ["gus"]);
        assert.deepEqual(await sees("cid"), []);
        assert.ok(!(await sees("ann")).includes("cid"));
        assert.deepEqual(named, [key]);
        assert.ok(directory.metrics().unreadable > 1);
        assert.ok(directory.health().ready);
      });
    }

    test("positions or counters that are none are read as nothing, and written anew", async (t) => {
      const { directory } = await scene(t);
      const origin = (after: number | undefined, offset: number) => ({
        source: "topic:0",
        after: after === undefined ? undefined : { offset: after, at: 6 },
        upTo: { offset, at: 6 },
      });
      for (const spoils of [
        () => command("HSET", "audience:{audience}:positions", "topic:0", "rubbish"),
        () => spoil("positions"),
      ]) {
        await directory.apply({ origin: origin(undefined, 6), changes: [] });
        await directory.apply({ origin: { ...origin(undefined, 7), source: "topic:1" }, changes: [] });
        await spoils();
        assert.equal((await directory.state()).positions.has("topic:0"), false);
        await assert.rejects(directory.apply({ origin: origin(6, 9), changes: [] }), { code: "REWOUND" });
        await directory.apply({ origin: origin(undefined, 9), changes: [] });
        assert.equal((await directory.state()).positions.get("topic:0")?.offset, 9);
      }
      await command("HSET", "audience:{audience}:mark", "imports", "many", "relations", "few");
      const { imports } = await directory.state();
      await directory.apply({ changes: [{ ...room, conversationId: "new" }] });
      assert.notEqual((await directory.state()).imports, imports);
    });

    test("a mark of another kind makes it unready, and says so", async (t) => {
      const { directory } = await scene(t);
      await spoil("mark");
      await assert.rejects(directory.state(), { code: "UNAVAILABLE" });
      assert.equal(directory.health().ready, false);
      assert.match(directory.health().detail, /holds something of another type under a key of this service/);
      await flush();
      const isBack = () => directory.state().then(() => directory.health().ready);
      await waitUntil(isBack, { what: "the directory is ready again" });
    });

    test("members that are no ids are told to nobody", async (t) => {
      const { directory, named } = await scene(t);
      await command("ZADD", "audience:{audience}:member:club", "7", "", "7", "a\nb", "7", "x".repeat(200));
      assert.deepEqual((await directory.visibleTo("ann", 10)).users.sort(), ["bob", "cid", "dan"]);
      const [affected] = await directory.apply({
        changes: [{ kind: "joined", at: 7, conversationId: "club", userId: "eve" }],
      });
      assert.deepEqual([...(affected?.others ?? [])].sort(), ["ann", "cid", "eve"]);
      assert.ok(named.includes("member:club"));
    });
  });

  test("what is no id is visible to nobody, and harms nobody", async (t) => {
    await flush();
    const directory = await openDirectory(t);
    await directory.apply({ changes: [{ ...room, conversationId: "ids" }] });
    const seen = await directory.maySee("ann", ["\ud800", "a\nb", "", "x".repeat(200), "bob"]);
    assert.deepEqual(seen, new Set(["bob"]));
  });
});
