import assert from "node:assert/strict";
import { after, before, beforeEach, describe, type TestContext, test } from "node:test";
import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { heldUp, startRedis, type TestRedis, waitUntil } from "@realchat/presence-testing";
import { createClient } from "@redis/client";
import { type ConnectionOptions, RedisConnection } from "./connection.ts";
import { parseRedisUrl } from "./redis-address.ts";
import type { RedisError } from "./redis-error.ts";
import { locatorAt } from "./redis-locator.ts";
import { openRedirect, type Redirect } from "./testing/redirect.ts";

const unreachable = ["127.0.0.1", "1"];

/** What makes a server say by each code that it is not the one to use, and what ends that. */
const refusing: Readonly<Record<string, { begin: string[][]; asked: string[]; end: string[][] }>> = {
  READONLY: {
    begin: [["REPLICAOF", ...unreachable]],
    asked: ["SET", "key", "value"],
    end: [["REPLICAOF", "NO", "ONE"]],
  },
  MASTERDOWN: {
    begin: [
      ["CONFIG", "SET", "replica-serve-stale-data", "no"],
      ["REPLICAOF", ...unreachable],
    ],
    asked: ["GET", "key"],
    end: [
      ["REPLICAOF", "NO", "ONE"],
      ["CONFIG", "SET", "replica-serve-stale-data", "yes"],
    ],
  },
  NOREPLICAS: {
    begin: [["CONFIG", "SET", "min-replicas-to-write", "1"]],
    asked: ["SET", "key", "value"],
    end: [["CONFIG", "SET", "min-replicas-to-write", "0"]],
  },
};

let servers: readonly [TestRedis, TestRedis];
before(async () => {
  servers = [await startRedis(), await startRedis()];
});
after(() => Promise.all(servers.map((server) => server.stop())));

let redirect: Redirect;
beforeEach((t) =>
  openRedirect(servers[0]).then((opened) => {
    redirect = opened;
    (t as TestContext).after(() => redirect.close());
  }),
);

async function command(server: TestRedis, ...words: string[]): Promise<unknown> {
  const client = createClient({ url: server.url });
  await client.connect();
  try {
    return await client.sendCommand(words);
  } finally {
    client.destroy();
  }
}

async function connect(t: TestContext, options: Partial<ConnectionOptions> = {}): Promise<RedisConnection> {
  const connection = new RedisConnection(
    {
      locator: locatorAt(parseRedisUrl(redirect.url)),
      maxCommands: 100,
      commandTimeoutMs: 1_000,
      prepare: async () => "Redis",
      ...options,
    },
    systemClock,
  );
  t.after(() => connection.close());
  await connection.start();
  return connection;
}

const portOf = async (connection: RedisConnection) =>
  /^tcp_port:(\d+)/m.exec(String(await connection.send(["INFO", "server"])))?.[1];

describe("a connection that stays open to a server which is none any more", () => {
  for (const [code, { begin, asked, end }] of Object.entries(refusing)) {
    test(`is left on ${code} for the server that the address leads to now`, async (t) => {
      const lost: string[] = [];
      const connection = await connect(t, { onLost: (reason) => lost.push(reason) });
      for (const words of begin) await command(servers[0], ...words);
      t.after(async () => {
        for (const words of end) await command(servers[0], ...words);
      });
      redirect.to(servers[1]);
      await assert.rejects(connection.send(asked), { code: "UNAVAILABLE" });
      assert.equal(connection.isReady, false);
      await waitUntil(() => connection.isReady, { what: "it is ready again" });
      assert.equal(await portOf(connection), String(servers[1].port));
      assert.deepEqual(lost, [code]);
      assert.equal(connection.losses[code as "READONLY"], 1);
    });
  }

  for (const [where, script] of [
    ["in an array", "return {1, redis.error_reply('READONLY of one of many')}"],
    ["deep in arrays", "return {1, {2, {redis.error_reply('LOADING of one of many')}}}"],
  ] as const) {
    test(`is left when the error stands ${where} of a script's answer`, async (t) => {
      const connection = await connect(t);
      redirect.to(servers[1]);
      await connection.send(["EVAL", script, "0"]);
      await waitUntil(() => connection.isReady, { what: "it is ready again" });
      assert.equal(await portOf(connection), String(servers[1].port));
    });
  }

  for (const code of ["LOADING", "MISCONF", "CLUSTERDOWN", "UNBLOCKED"]) {
    test(`is left on ${code}`, async (t) => {
      const connection = await connect(t);
      await assert.rejects(connection.send(["EVAL", `return redis.error_reply('${code} now')`, "0"]));
      assert.equal(connection.losses[code as "LOADING"], 1);
    });
  }

  for (const code of [
    "OOM",
    "BUSY",
    "NOPERM",
    "WRONGTYPE",
    "NOSCRIPT",
    "MOVED",
    "ASK",
    "TRYAGAIN",
    "CROSSSLOT",
    "ERR",
  ]) {
    test(`is kept on ${code}: another one to that server would hear the same, or it concerns one command`, async (t) => {
      const connection = await connect(t, { onLost: () => assert.fail("it was given up") });
      await assert.rejects(
        connection.send(["EVAL", `return redis.error_reply('${code} this one')`, "0"]),
        (error: RedisError) => error.code === "UNAVAILABLE",
      );
      assert.equal(connection.isReady, true);
    });
  }

  test("is made anew ever less often, if the server lets it in and refuses again", async (t) => {
    const connection = await connect(t);
    const refuse = () => connection.send(["EVAL", "return redis.error_reply('NOREPLICAS now')", "0"]).catch(() => {});
    const endMs = systemClock.monotonicMs() + 3_000;
    while (systemClock.monotonicMs() < endMs) {
      await refuse();
      await pause(systemClock, 5);
    }
    assert(redirect.connections < 12, `${redirect.connections} connections in 3 s`);
    assert(redirect.connections >= 5, `${redirect.connections} connections in 3 s`);
  });

  test("that was closed is made anew at once, also again and again", async (t) => {
    const connection = await connect(t);
    for (let count = 0; count < 10; count++) {
      const heldUpMs = heldUp(() => [servers[0].pid]);
      const startedMs = systemClock.monotonicMs();
      await command(servers[0], "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
      await waitUntil(() => !connection.isReady, { what: "it is lost" });
      await waitUntil(() => connection.isReady, { what: "it is ready again" });
      assert(systemClock.monotonicMs() - startedMs < 1_000 + heldUpMs());
    }
    assert.equal(connection.losses.closed, 10);
  });
});
