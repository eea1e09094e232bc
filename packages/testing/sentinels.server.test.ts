import assert from "node:assert/strict";
import { test } from "node:test";
import { issueCertificates } from "@realchat/presence-rpc/testing";
import { startSentinels } from "./sentinels.ts";
import { waitUntil } from "./wait-until.ts";

test("a test's Sentinels name the master, and another one when it is killed or told to go", async (t) => {
  const watched = await startSentinels();
  t.after(() => watched.stop());
  const [first] = watched.servers;
  assert.equal(await watched.master(), first);
  await first?.command("SET", "key", "value");
  const isCopied = async (server: (typeof watched.servers)[number]) => (await server.command("GET", "key")) === "value";
  await waitUntil(async () => (await Promise.all(watched.servers.map(isCopied))).every(Boolean), {
    what: "the replicas have the key",
  });
  const second = await watched.failover();
  assert.equal(await second.command("GET", "key"), "value");
  await watched.untilWhole();
  await second.kill();
  await waitUntil(async () => (await watched.master().catch(() => second)) !== second, {
    what: "there is another one",
  });
  await second.restart();
  await watched.untilWhole();
  assert.match(String(await second.command("ROLE")), /^slave/);
});

test("a test's Sentinels can have TLS only, and users for themselves and for the servers", async (t) => {
  const tls = issueCertificates();
  const login = { user: "watcher", password: "w4tch" };
  const watched = await startSentinels({ tls, user: "presence", password: "s3cret", login });
  t.after(() => watched.stop());
  assert.notEqual(await watched.failover(), watched.servers[0]);
});
