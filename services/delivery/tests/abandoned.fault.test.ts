import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { PresenceChannels, SessionKeeper } from "@realchat/presence-client";
import { pause, systemClock } from "@realchat/presence-runtime/clock";
import {
  startDelivery,
  startPresence,
  startRedis,
  type TestDelivery,
  type TestPresence,
  type TestRedis,
  temporaryFolder,
  waitUntil,
} from "@realchat/presence-testing";
import { connect, type SocketClient } from "../testing/socket-client.ts";

/** A client gives up on a gateway that does not answer, and is online at another one: there it stays. */

const ttlMs = 12_000;
/** Frozen for long enough that its handshakes are old, and not for so long that its sessions expire. */
const frozenMs = 3_000;

let redis: TestRedis;
let nodes: TestPresence[];
let frozen: TestDelivery;
let other: TestDelivery;
/** Connected to the other gateway. */
let observer: SocketClient;
/** Whom the observer was told to be offline after he was online. */
const grey: string[] = [];
const people = ["ada", "bruno", "chen", "dina", "elif"];

before(async () => {
  const file = join(temporaryFolder("audience").path, "audience.jsonl");
  writeFileSync(file, `${JSON.stringify({ conversation_id: "all", participants: ["greta", ...people] })}\n`);
  redis = await startRedis();
  const env = { REDIS_URL: redis.url, SESSION_TTL: `${ttlMs}ms`, OFFLINE_GRACE: "1s" };
  nodes = await Promise.all([startPresence({ env }), startPresence({ env })]);
  const gateway = (node: TestPresence | undefined) =>
    startDelivery({
      env: {
        ...{ PRESENCE_SVC_ADDR: node?.grpcAddress ?? "", AUDIENCE_FILE: file, SAMPLE_CAST: "false" },
        // A replaced session is found by its heartbeat here, not by a notice: its successor may be gone by then.
        ...{ PONG_TIMEOUT: "2s", PING_INTERVAL: "8s", LEASES: "false" },
      },
    });
  [frozen, other] = await Promise.all([gateway(nodes[0]), gateway(nodes[1])]);
  observer = await connect({
    address: other.socketAddress,
    userId: "greta",
    onFrame(frame) {
      if (frame.type !== "presence") return;
      for (const { id, online } of frame.users) if (!online) grey.push(id);
    },
  });
});

after(async () => {
  observer.socket.terminate();
  await Promise.all([frozen.kill(), other.kill()]);
  await Promise.all(nodes.map((node) => node.kill()));
  await redis.stop();
});

/** As many as the kernel allows a listener to keep waiting; where it does not say, few. */
function waitingMax(): number {
  try {
    return Math.min(1_500, Number(readFileSync("/proc/sys/net/core/somaxconn", "utf8")));
  } catch {
    return 100;
  }
}

/** Sends a handshake to a gateway that does not answer, then gives up. */
async function abandon(userId: string, how: "closed" | "silent"): Promise<() => void> {
  const [host = "", port] = frozen.socketAddress.split(":");
  const socket = connectTcp(Number(port), host);
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("connect", resolve));
  const fields = ["Host: gateway", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"];
  const key = "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==";
  socket.write([`GET /ws?user_id=${userId}&device_id=phone HTTP/1.1`, ...fields, key, "", ""].join("\r\n"));
  // A network that is gone says nothing of it: nobody answers, and no FIN comes.
  if (how === "silent") socket.pause();
  else socket.end();
  return () => socket.destroy();
}

const figure = async (name: string) => (await frozen.metrics()).get(name) ?? 0;

/** Clients that must stay online, by user, and since when they may be disturbed, ms. */
const living = new Map<string, { client: SocketClient; sinceMs: number }>();

/** From now on to the end of these tests nothing may happen to the client. */
function mustStay(userId: string, client: SocketClient): void {
  living.set(userId, { client, sinceMs: systemClock.monotonicMs() });
}

describe("a client that gave up on a gateway that stood still, and connected to another one", () => {
  test("stays online when its handshake is found, with a FIN behind it", async () => {
    const [userId = ""] = people;
    frozen.pause();
    await abandon(userId, "closed");
    const client = await connect({ address: other.socketAddress, userId });
    await observer.untilTold(userId, true);
    await pause(systemClock, frozenMs);
    frozen.resume();
    const gone = 'delivery_handshakes_refused_total{reason="gone"}';
    await waitUntil(async () => (await figure(gone)) >= 1, { what: "the dead handshake is counted" });
    mustStay(userId, client);
  });

  test("stays online when its handshake is found, and nothing says that it is gone", async (t) => {
    const [, userId = ""] = people;
    frozen.pause();
    const end = await abandon(userId, "silent");
    const client = await connect({ address: other.socketAddress, userId });
    await observer.untilTold(userId, true);
    await pause(systemClock, frozenMs);
    frozen.resume();
    const unproven = 'delivery_sockets_closed_total{close="unproven"}';
    await waitUntil(async () => (await figure(unproven)) >= 1, { what: "the silent socket is dropped" });
    t.after(end);
    mustStay(userId, client);
  });

  test("stays online when its registration is found by a presence node that stood still", async () => {
    const [, , userId = ""] = people;
    const [node] = nodes;
    node?.pause();
    const abandoned = await connect({ address: frozen.socketAddress, userId });
    await pause(systemClock, 500);
    abandoned.socket.terminate();
    const client = await connect({ address: other.socketAddress, userId });
    await observer.untilTold(userId, true);
    await pause(systemClock, 1_500);
    node?.resume();
    mustStay(userId, client);
  });

  test("stays online when its registration waited at the gateway through an outage", async (t) => {
    const [, , , userId = ""] = people;
    const channels = new PresenceChannels({ addresses: [nodes[0]?.grpcAddress ?? ""] });
    const keeper = new SessionKeeper({ channels, instanceId: "gateway-of-ours" });
    t.after(async () => {
      nodes[0]?.resume();
      await keeper.drain({ deadlineMs: 1_000 });
      await channels.close();
    });
    await keeper.open({ userId: "somebody", deviceId: "phone" }).untilOnline();
    nodes[0]?.pause();
    const waiting = keeper.open({ userId, deviceId: "phone" });
    await pause(systemClock, 4_000);
    const client = await connect({ address: other.socketAddress, userId });
    await observer.untilTold(userId, true);
    await pause(systemClock, 500);
    nodes[0]?.resume();
    await waitUntil(() => waiting.state === "superseded", { what: "the registration that waited yields" });
    mustStay(userId, client);
  });

  for (const userId of people.slice(0, 4)) {
    test(`is online all along: ${userId}`, async () => {
      const { client, sinceMs } = living.get(userId) ?? assert.fail("has not come so far");
      // A heartbeat later its gateway would have heard of a successor, and told.
      await pause(systemClock, sinceMs + ttlMs / 2 - systemClock.monotonicMs());
      assert.equal(client.end, undefined, "the living socket is open");
      assert.equal(observer.users.get(userId)?.online, true);
      assert.deepEqual(
        grey.filter((id) => id === userId),
        [],
      );
      client.socket.terminate();
    });
  }
});

describe("a client whose session was replaced by one that is gone", () => {
  test("is told to come back, and is online again", async () => {
    const [, , , , userId = ""] = people;
    const client = await connect({ address: other.socketAddress, userId });
    await observer.untilTold(userId, true);
    const thief = await connect({ address: frozen.socketAddress, userId });
    await waitUntil(async () => (await figure("delivery_sockets")) >= 1, { what: "the other socket is open" });
    await thief.untilSnapshot();
    thief.socket.terminate();
    await observer.untilTold(userId, false);
    assert.deepEqual(await client.untilClosed(), { code: 1012, reason: "connect_again" });
    const again = await connect({ address: other.socketAddress, userId });
    await observer.untilTold(userId, true);
    again.socket.terminate();
  });

  test("is told to stay away while that one lives", async () => {
    const [userId = ""] = people;
    const client = await connect({ address: other.socketAddress, userId });
    await observer.untilTold(userId, true);
    const living = await connect({ address: frozen.socketAddress, userId });
    assert.deepEqual(await client.untilClosed(), { code: 4000, reason: "session_replaced" });
    assert.equal(living.end, undefined);
    living.socket.terminate();
  });
});

test("clients that come while a gateway stands still are kept for it by the kernel, as many as that allows", async (t) => {
  const [host = "", port] = frozen.socketAddress.split(":");
  frozen.pause();
  let connected = 0;
  const sockets = Array.from({ length: waitingMax() }, () => {
    const socket = connectTcp(Number(port), host, () => connected++);
    return socket.on("error", () => {});
  });
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    frozen.resume();
  });
  await waitUntil(() => connected === sockets.length, { what: "all are connected", deadlineMs: 15_000 });
});
