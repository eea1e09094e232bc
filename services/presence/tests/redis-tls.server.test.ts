import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { presence } from "@realchat/presence-proto";
import { issueCertificates } from "@realchat/presence-rpc/testing";
import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { startPresence, startRedis, type TestRedis, temporaryFolder, waitUntil } from "@realchat/presence-testing";
import { createClient } from "@redis/client";
import { connectPresence } from "../testing/presence-client.ts";

const { PRESENCE_STATUS_ONLINE, PRESENCE_STATUS_OFFLINE } = presence.PresenceStatus;
const ttlMs = 3_000;
const phone = { userId: "anna", deviceId: "phone" };

describe("a presence node whose Redis has TLS, an ACL user and a database for it", () => {
  const tls = issueCertificates();
  const login = { user: "presence", password: "s3cret/@ word" };
  const folder = temporaryFolder("redis-tls");
  const authorityFile = (name: string, ca: string) => {
    writeFileSync(join(folder.path, name), ca);
    return join(folder.path, name);
  };
  const REDIS_TLS_CA = authorityFile("ca.pem", tls.ca);
  let redis: TestRedis;
  let settings: Readonly<Record<string, string>>;
  before(async () => {
    redis = await startRedis({ tls, ...login });
    settings = { REDIS_URL: `${redis.url}/2`, REDIS_TLS_CA, EVENTS: "redis-pubsub", SESSION_TTL: `${ttlMs}ms` };
  });
  after(async () => {
    await redis.stop();
    folder.remove();
  });

  test("registers, keeps alive, expires, and publishes there, and only there", async (t) => {
    const node = await startPresence({ env: settings });
    t.after(() => node.stop());
    const operator = createClient({ url: redis.url, RESP: 2, socket: { tls: true, ca: tls.ca } });
    const updates = await updatesIn(operator.duplicate());
    t.after(() => updates.close());
    await operator.connect();
    t.after(() => operator.destroy());
    const client = connectPresence(node.grpcAddress);
    t.after(() => client.close());

    const { sessionId } = await client.api.registerSession({ ...phone, instanceId: "gateway-1" });
    const aliveMs = systemClock.monotonicMs() + 1.5 * ttlMs;
    while (systemClock.monotonicMs() < aliveMs) {
      await client.api.refreshSession({ ...phone, sessionId });
      await pause(systemClock, ttlMs / 12);
    }
    const { presences } = await client.api.getPresence({ userIds: [phone.userId] });
    assert.deepEqual(
      presences.map(({ online, deviceIds }) => [online, deviceIds]),
      [[true, [phone.deviceId]]],
    );
    await waitUntil(() => updates.heard.length === 2, { what: "the user's end is published" });
    assert.deepEqual(
      updates.heard.map(({ userId, status }) => [userId, status]),
      [
        [phone.userId, PRESENCE_STATUS_ONLINE],
        [phone.userId, PRESENCE_STATUS_OFFLINE],
      ],
    );
    assert.equal(updates.heard[1]?.cause, presence.TransitionCause.TRANSITION_CAUSE_EXPIRED);

    const keyspace = String(await operator.sendCommand(["INFO", "keyspace"]));
    assert.deepEqual(keyspace.match(/^db\d+/gm), ["db2"]);
    assert.match(await readiness(node.httpAddress), new RegExp(`at rediss://127\\.0\\.0\\.1:${redis.port}/2"`));
    assert.doesNotMatch(node.logs(), /s3cret/);
  });

  const refusals: Record<string, [() => Record<string, string>, RegExp]> = {
    "the authority is missing": [() => ({ REDIS_TLS_CA: "" }), /no authority trusted here signed: set REDIS_TLS_CA/],
    "the authority is another": [
      () => ({ REDIS_TLS_CA: authorityFile("stranger.pem", issueCertificates().ca) }),
      /no authority trusted here signed: set REDIS_TLS_CA/,
    ],
    "the password is wrong": [
      () => ({ REDIS_URL: `rediss://presence:wr0ng@127.0.0.1:${redis.port}/2` }),
      /Redis does not accept user and password of REDIS_URL/,
    ],
  };
  for (const [what, [wrong, why]] of Object.entries(refusals)) {
    test(`does not start when ${what}, and says why without a password`, async () => {
      await assert.rejects(startPresence({ env: { ...settings, ...wrong() } }), ({ message }: Error) => {
        assert.match(message, /^presence cannot start: rediss:\/\/127\.0\.0\.1:\d+\/2: /m);
        assert.match(message, why);
        assert.doesNotMatch(message, /s3cret|wr0ng/);
        return true;
      });
    });
  }

  test("does not use a server with another certificate in its Redis' place, says so, and recovers by itself", async (t) => {
    const own = await startRedis({ tls, ...login });
    t.after(() => own.stop());
    const node = await startPresence({ env: { ...settings, REDIS_URL: `${own.url}/2` } });
    t.after(() => node.stop());
    await own.kill();
    const stranger = await startRedis({ tls: issueCertificates(), port: own.port, ...login });
    t.after(() => stranger.stop());
    const why = /connecting to rediss:\/\/127\.0\.0\.1:\d+\/2: .* no authority trusted here signed: set REDIS_TLS_CA/;
    await waitUntil(async () => why.test(await readiness(node.httpAddress)), { what: "health says what is wrong" });
    await waitUntil(() => /store is not ready/.test(node.logs()), { what: "the log says so" });
    assert.doesNotMatch(node.logs() + (await readiness(node.httpAddress)), /s3cret/);
    await stranger.stop();
    await own.restart();
    await node.untilHealth("ready");
  });
});

test("a node whose Redis gets another password and certificate connects again with what its files say then", async (t) => {
  const folder = temporaryFolder("redis-rotation");
  t.after(() => folder.remove());
  const [first, second] = [issueCertificates(), issueCertificates()];
  const file = (name: string, content: string) => {
    writeFileSync(join(folder.path, name), content);
    return join(folder.path, name);
  };
  const redis = await startRedis({ tls: first, user: "presence", password: "first-s3cret" });
  t.after(() => redis.stop());
  const node = await startPresence({
    env: {
      REDIS_URL_FILE: file("url", `${redis.url}\n`),
      REDIS_TLS_CA: file("ca.pem", first.ca),
    },
  });
  t.after(() => node.stop());
  file("url", redis.url.replace("first-s3cret", "second-s3cret"));
  file("ca.pem", second.ca);
  await waitUntil(() => /read again: REDIS_URL, REDIS_TLS_CA/.test(node.logs()), { what: "the files were read" });
  assert.match(await readiness(node.httpAddress), /"status": "ready"/);

  await redis.stop();
  const next = await startRedis({ tls: second, port: redis.port, user: "presence", password: "second-s3cret" });
  t.after(() => next.stop());
  await node.untilHealth("ready");
  assert.doesNotMatch(node.logs(), /s3cret/);
});

/** The answer's text: the state of each part, and why. */
async function readiness(httpAddress: string): Promise<string> {
  return (await fetch(`http://${httpAddress}/health/ready`)).text();
}

/** Messages on the channel from now on. */
async function updatesIn(
  client: Pick<ReturnType<typeof createClient>, "connect" | "subscribe" | "destroy">,
): Promise<{ heard: presence.PresenceUpdateEvent[]; close(): void }> {
  const heard: presence.PresenceUpdateEvent[] = [];
  await client.connect();
  await client.subscribe(
    "presence:updates",
    (message: Buffer) => void heard.push(presence.PresenceUpdateEvent.decode(message)),
    true,
  );
  return { heard, close: () => client.destroy() };
}
