import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { issueCertificates } from "@realchat/presence-rpc/testing";
import { systemClock } from "@realchat/presence-runtime/clock";
import { startSentinels, type TestSentinels, type WatchedRedis, waitUntil } from "@realchat/presence-testing";
import { RedisConnection } from "./connection.ts";
import { locatorFor } from "./locator-for.ts";
import type { RedisLocator } from "./redis-locator.ts";
import type { RedisPlace, SentinelPlace } from "./redis-place.ts";
import { checkServer } from "./server-check.ts";

function addressesOf({ sentinels }: TestSentinels): SentinelPlace["addresses"] {
  return sentinels.map(({ host, port }) => ({ host, port }));
}

async function connect(t: TestContext, place: RedisPlace) {
  const locator = locatorFor(place, systemClock);
  const options = { locator, maxCommands: 100, commandTimeoutMs: 1_000, prepare: checkServer };
  const connection = new RedisConnection(options, systemClock);
  t.after(() => {
    connection.close();
    locator.close();
  });
  await connection.start();
  return { connection, locator };
}

const portOf = async (connection: RedisConnection) =>
  Number(/^tcp_port:(\d+)/m.exec(String(await connection.send(["INFO", "server"])))?.[1]);

function untilAt(connection: RedisConnection, port: number): Promise<unknown> {
  const isThere = async () => connection.isReady && (await portOf(connection).catch(() => 0)) === port;
  return waitUntil(isThere, { what: `the connection leads to port ${port}` });
}

describe("a connection to the master that Sentinels name", () => {
  let watched: TestSentinels;
  let place: RedisPlace & { sentinel: SentinelPlace };
  before(async () => {
    watched = await startSentinels();
    place = {
      url: "redis://main",
      sentinel: { master: watched.masterName, addresses: addressesOf(watched) },
    };
  });
  after(() => watched.stop());

  /** One Sentinel hears of a fail-over before most have. */
  const untilMasterIsNot = (old: WatchedRedis) =>
    waitUntil(
      async () => {
        const master = await watched.master();
        return master.port === old.port ? undefined : master;
      },
      { what: "most Sentinels name another master" },
    ) as Promise<WatchedRedis>;

  test("follows it in a fail-over after which the old one can still be reached", async (t) => {
    const { connection } = await connect(t, place);
    const old = await watched.master();
    assert.equal(await portOf(connection), old.port);
    const next = await watched.failover();
    await untilAt(connection, next.port);
    assert.match(connection.detail, new RegExp(`at redis://127\\.0\\.0\\.1:${next.port}$`));
    await watched.untilWhole();
  });

  for (const how of ["pause", "kill"] as const) {
    test(`follows it after a ${how}, and does not go back to the old one`, async (t) => {
      const { connection } = await connect(t, place);
      const old = await watched.master();
      await old[how]();
      await waitUntil(() => !connection.isReady, { what: "the connection is lost" });
      await waitUntil(() => connection.isReady, { what: "the connection is back" });
      const next = await untilMasterIsNot(old);
      assert.equal(await portOf(connection), next.port);
      if (how === "pause") old.resume();
      else await old.restart();
      await watched.untilWhole();
      assert.equal(await portOf(connection), next.port);
      assert.equal(connection.isReady, true);
    });
  }

  test("believes no Sentinel that missed the last fail-over", async (t) => {
    const { connection, locator } = await connect(t, place);
    const [one, other, late] = watched.sentinels;
    late?.pause();
    const next = await watched.failover();
    await untilAt(connection, next.port);
    one?.pause();
    other?.pause();
    late?.resume();
    const named = async () => {
      const answer = await late?.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", watched.masterName);
      return Number((answer as string[])[1]);
    };
    try {
      if ((await named()) !== next.port) {
        const { url } = await locator.locate();
        assert.equal(new URL(url).port, String(next.port));
        assert.equal(connection.isReady, true);
      }
    } finally {
      one?.resume();
      other?.resume();
    }
    await watched.untilWhole();
    assert.equal(await portOf(connection), next.port);
  });

  test("is made while any of the Sentinels answers, and waits while none does", async (t) => {
    const [one, other, third] = watched.sentinels;
    one?.pause();
    other?.pause();
    try {
      const { connection } = await connect(t, place);
      await waitUntil(() => connection.isReady, { what: "the connection is made" });
      third?.pause();
      const late = await connect(t, place);
      assert.match(late.connection.detail, /connecting to redis:\/\/main by Sentinel: no Sentinel names main: /);
      third?.resume();
      await waitUntil(() => late.connection.isReady, { what: "the connection is made" });
      assert.equal(connection.isReady, true, "a master is used whether its Sentinels answer or not");
    } finally {
      for (const sentinel of watched.sentinels) sentinel.resume();
    }
  });

  const wrong: Readonly<Record<string, [() => Partial<SentinelPlace>, RegExp]>> = {
    "their name for it is another": [() => ({ master: "other" }), /no Sentinel names other: .*No such master/],
    "they are no Sentinels": [
      () => ({ addresses: watched.servers.map(({ host, port }) => ({ host, port })) }),
      /no Sentinel names main: .*unknown command/,
    ],
    "they do not let us in": [() => ({ password: "wr0ng" }), /no Sentinel names main: .*AUTH/],
  };
  for (const [what, [change, why]] of Object.entries(wrong)) {
    test(`is refused when ${what}`, async (t) => {
      await assert.rejects(
        connect(t, { ...place, sentinel: { ...place.sentinel, ...change() } }),
        ({ code, message }) => {
          assert.equal(code, "REFUSED");
          assert.match(message, why);
          assert.doesNotMatch(message, /wr0ng/);
          return true;
        },
      );
    });
  }
});

test("a master and Sentinels with TLS, and users of their own, are followed as well", async (t) => {
  const tls = issueCertificates();
  const login = { user: "watcher", password: "w4tch@" };
  const watched = await startSentinels({ tls, user: "presence", password: "s3cret", login });
  t.after(() => watched.stop());
  const sentinel = {
    master: watched.masterName,
    addresses: addressesOf(watched),
    username: login.user,
    password: login.password,
  };
  const { connection } = await connect(t, { url: "rediss://presence:s3cret@main", tlsCa: tls.ca, sentinel });
  assert.equal(await portOf(connection), (await watched.master()).port);
  const next = await watched.failover();
  await untilAt(connection, next.port);
  assert.doesNotMatch(connection.detail, /s3cret|w4tch/);
});

test("a locator that is closed keeps no process alive and no connection open", async (t) => {
  const locator: RedisLocator = locatorFor(
    { url: "redis://main", sentinel: { master: "main", addresses: [{ host: "127.0.0.1", port: 1 }] } },
    systemClock,
  );
  t.after(() => locator.close());
  await assert.rejects(locator.locate(), { code: "UNAVAILABLE", message: /ECONNREFUSED/ });
});
