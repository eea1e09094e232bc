import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { systemClock } from "@realchat/presence-runtime";
import { startRedis, type TestRedis } from "@realchat/presence-testing";
import { type ConnectionOptions, RedisConnection } from "./connection.ts";
import { parseRedisUrl } from "./redis-address.ts";
import { codeBehind, RedisError } from "./redis-error.ts";

let redis: TestRedis;
before(async () => {
  redis = await startRedis();
});
after(() => redis.stop());

async function connect(options: Partial<ConnectionOptions> = {}): Promise<RedisConnection> {
  const connection = new RedisConnection(
    {
      address: parseRedisUrl(redis.url),
      maxCommands: 100,
      commandTimeoutMs: 1_000,
      prepare: async () => "Redis",
      ...options,
    },
    systemClock,
  );
  await connection.start();
  return connection;
}

describe("a connection", () => {
  test("that is replied on is kept, however long its process was frozen", async (t) => {
    const connection = await connect({
      commandTimeoutMs: 500,
      onLost: () => assert.fail("the connection was given up"),
    });
    t.after(() => connection.close());
    const replies = [connection.send(["PING"]), connection.send(["PING"])];
    // Timers come before sockets when a frozen process wakes: the watchdog looks before the replies are read.
    const wakeMs = systemClock.monotonicMs() + 1_200;
    while (systemClock.monotonicMs() < wakeMs);
    assert.deepEqual(await Promise.all(replies), ["PONG", "PONG"]);
    assert.equal(connection.isReady, true);
  });

  test("never queues more commands than its bound", async (t) => {
    const connection = await connect({ maxCommands: 10 });
    t.after(() => connection.close());
    const sent = await Promise.allSettled(Array.from({ length: 25 }, () => connection.send(["PING"])));
    const refused = sent.filter((reply) => reply.status === "rejected");
    assert.equal(refused.length, 15);
    for (const { reason } of refused) assert.equal((reason as RedisError).code, "UNAVAILABLE");
    assert.equal(connection.pending, 0);
  });

  test("fails in its caller's own terms, and the reply stays behind them", async (t) => {
    class PortError extends Error {}
    const connection = await connect({ unavailable: (message, options) => new PortError(message, options) });
    t.after(() => connection.close());
    await assert.rejects(
      connection.send(["INCR"]),
      (error) =>
        error instanceof PortError &&
        /^redis:\/\/127\.0\.0\.1:\d+ cannot answer: Redis replied: ERR wrong number/.test(error.message) &&
        codeBehind(error) === "ERR",
    );
    connection.close();
    await assert.rejects(connection.send(["PING"]), PortError);
    assert(connection.unavailable() instanceof PortError);
  });

  test("to a server that must not be used is closed, saying why", async () => {
    const refusal = new RedisError("REFUSED", "not ours");
    await assert.rejects(connect({ prepare: () => Promise.reject(refusal) }), refusal);
  });
});
