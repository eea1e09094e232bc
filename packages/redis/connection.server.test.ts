import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { createServer } from "node:tls";
import { issueCertificates } from "@realchat/presence-rpc/testing";
import { systemClock } from "@realchat/presence-runtime/clock";
import { startRedis, type TestRedis, waitUntil } from "@realchat/presence-testing";
import { type ConnectionOptions, RedisConnection } from "./connection.ts";
import { parseRedisUrl } from "./redis-address.ts";
import { codeBehind, RedisError } from "./redis-error.ts";
import { locatorAt } from "./redis-locator.ts";
import { checkServer } from "./server-check.ts";

let redis: TestRedis;
before(async () => {
  redis = await startRedis();
});
after(() => redis.stop());

async function connect(options: Partial<ConnectionOptions> = {}): Promise<RedisConnection> {
  const connection = new RedisConnection(
    {
      locator: locatorAt(parseRedisUrl(redis.url)),
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

test("a connection to a server that has no room for one more waits for some, also when it is the first", async (t) => {
  const full = await startRedis();
  t.after(() => full.stop());
  const locator = locatorAt(parseRedisUrl(full.url));
  const occupant = await connect({ locator });
  t.after(() => occupant.close());
  await occupant.send(["CONFIG", "SET", "maxclients", "1"]);
  const connection = await connect({ locator, prepare: checkServer });
  t.after(() => connection.close());
  assert.equal(connection.isReady, false);
  assert.match(connection.detail, /^connecting to redis:.*: Redis replied: ERR max number of clients reached$/);
  occupant.close();
  await waitUntil(() => connection.isReady, { what: "the connection is made" });
});

describe("a connection over TLS", () => {
  const tls = issueCertificates();
  const login = { user: "presence", password: "s3cret" };
  let secured: TestRedis;
  before(async () => {
    secured = await startRedis({ tls, ...login });
  });
  after(() => secured.stop());

  test("logs in to its database of a server that an authority of our own signed", async (t) => {
    const connection = await connect({ locator: locatorAt(parseRedisUrl(`${secured.url}/2`, tls.ca)) });
    t.after(() => connection.close());
    assert.match(String(await connection.send(["CLIENT", "INFO"])), / db=2 .* user=presence /);
    assert.equal(connection.detail, `Redis at rediss://127.0.0.1:${secured.port}/2`);
  });

  test("names the host that it wants to a proxy that has many", async (t) => {
    const { promise: wanted, resolve } = Promise.withResolvers<unknown>();
    const { certificate: cert, key } = tls.server;
    const proxy = createServer({ cert, key }, (socket) => {
      resolve(socket.servername);
      socket.destroy();
    });
    t.after(() => proxy.close());
    await once(proxy.listen(0, "localhost"), "listening");
    const { port } = proxy.address() as AddressInfo;
    const connection = await connect({ locator: locatorAt(parseRedisUrl(`rediss://localhost:${port}`, tls.ca)) });
    t.after(() => connection.close());
    assert.equal(await wanted, "localhost");
  });

  const stranger = issueCertificates().ca;
  for (const [what, ca] of [
    ["unknown, for no authority was given", undefined],
    ["another authority's", stranger],
  ] as const) {
    test(`refuses a certificate that is ${what}, saying what to set`, async () => {
      await assert.rejects(connect({ locator: locatorAt(parseRedisUrl(secured.url, ca)) }), {
        code: "REFUSED",
        message: `rediss://127.0.0.1:${secured.port}: Redis has a certificate that no authority trusted here signed: set REDIS_TLS_CA to the one that did`,
      });
    });
  }

  test("refuses a certificate for another host", async (t) => {
    // All of 127.0.0.0/8 is loopback; the certificate is for 127.0.0.1.
    const elsewhere = await startRedis({ tls, ...login, args: ["--bind", "127.0.0.1", "127.0.0.2"] });
    t.after(() => elsewhere.stop());
    const address = parseRedisUrl(elsewhere.url.replace("127.0.0.1", "127.0.0.2"), tls.ca);
    await assert.rejects(connect({ locator: locatorAt(address) }), {
      code: "REFUSED",
      message: /IP: 127\.0\.0\.2 is not in the cert's list/,
    });
  });
});
