import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { issueCertificates } from "@realchat/presence-rpc/testing";
import {
  startPresence,
  startSentinels,
  type TestPresence,
  type TestSentinels,
  temporaryFolder,
  waitUntil,
} from "@realchat/presence-testing";
import { metricOf } from "../testing/fleet.ts";
import { connectPresence, type PresenceClient } from "../testing/presence-client.ts";

const phone = { userId: "anna", deviceId: "phone", instanceId: "gateway-1", connectionId: "socket-1" };

describe("a node behind Sentinels, with TLS and users of their own", () => {
  const tls = issueCertificates();
  const login = { user: "watcher", password: "w4tch" };
  const folder = temporaryFolder("sentinel-tls");
  let watched: TestSentinels;
  let node: TestPresence;
  let client: PresenceClient;
  before(async () => {
    watched = await startSentinels({ tls, user: "presence", password: "s3cret", login });
    const ca = join(folder.path, "ca.pem");
    writeFileSync(ca, tls.ca);
    node = await startPresence({
      env: {
        REDIS_SENTINELS: watched.sentinels.map(({ host, port }) => `${host}:${port}`).join(","),
        ...{ REDIS_SENTINEL_MASTER: watched.masterName, REDIS_SENTINEL_USERNAME: login.user },
        ...{ REDIS_SENTINEL_PASSWORD: login.password, REDIS_TLS: "true", REDIS_TLS_CA: ca },
        ...{ REDIS_USERNAME: "presence", REDIS_PASSWORD: "s3cret", SHARDS: "4", EVENTS: "memory" },
      },
    });
    client = connectPresence(node.grpcAddress);
  });
  after(async () => {
    client.close();
    await node.stop();
    await watched.stop();
    folder.remove();
  });

  const isOnline = async () => (await client.api.getPresence({ userIds: [phone.userId] })).presences[0]?.online;

  test("is not ready for a moment in a fail-over, and then answers rightly from the new master (P5)", async () => {
    const { sessionId } = await client.api.registerSession(phone);
    const old = await watched.master();
    const next = await watched.failover();
    const isMoved = async () => {
      const detail = await (await fetch(`http://${node.httpAddress}/health/ready`)).text();
      return detail.includes(`:${next.port}`) && detail.includes('"ready"');
    };
    await waitUntil(isMoved, { what: "the node uses the new master" });
    await node.untilHealth("ready");
    await client.api.refreshSession({ ...phone, sessionId });
    assert.equal(await isOnline(), true);
    assert.notEqual(old.port, next.port);
    assert(!/s3cret|w4tch/.test(node.logs()));
    await watched.untilWhole();
  });

  test("says that a master that is cut off goes on taking writes, until its settings forbid it (P4)", async () => {
    const settings = async () => {
      const response = await fetch(`http://${node.httpAddress}/health/ready`);
      const { checks } = (await response.json()) as { checks: Record<string, { status: string; detail: string }> };
      return { isUsed: response.status === 200, ...checks.settings };
    };
    await waitUntil(async () => (await settings()).status === "not ready", { what: "the node says it" });
    const { isUsed, detail = "" } = await settings();
    assert.equal(isUsed, true, "what works is used");
    assert.match(detail, /min-replicas-to-write is 0 .* a master that is cut off goes on taking writes that are lost/);
    assert.equal(await metricOf(node, "presence_store_risky_settings"), 1);
    await waitUntil(() => node.logs().includes("settings is not ready"), { what: "the log tells it" });
    const set = (toWrite: string) => ["CONFIG", "SET", "min-replicas-to-write", toWrite, "min-replicas-max-lag", "1"];
    for (const server of watched.servers) await server.command(...set("1"));
    await waitUntil(async () => (await settings()).status === "ready", { what: "the node says that all is well" });
    assert.equal(await metricOf(node, "presence_store_risky_settings"), 0);
    for (const server of watched.servers) await server.command(...set("0"));
  });

  test("finds the next master after the present one was killed, and nobody goes offline (P1, P5)", async () => {
    const { sessionId } = await client.api.registerSession({ ...phone, connectionId: "socket-2" });
    const old = await watched.master();
    // So that the replicas have what was said last.
    await waitUntil(async () => /slave0:.*lag=[01]\b/.test(String(await old.command("INFO", "replication"))), {
      what: "replicas are in step",
    });
    await old.kill();
    await waitUntil(async () => (await metricOf(node, "presence_store_ready")) === 0, {
      what: "the node is not ready",
    });
    await assert.rejects(isOnline(), { code: "UNAVAILABLE" });
    await node.untilHealth("ready");
    await client.api.refreshSession({ ...phone, sessionId });
    assert.equal(await isOnline(), true);
    await old.restart();
    await watched.untilWhole();
  });
});
