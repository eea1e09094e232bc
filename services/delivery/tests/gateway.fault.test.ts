import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { systemClock } from "@realchat/presence-runtime/clock";
import {
  heldUp,
  startDelivery,
  startPresence,
  type TestDelivery,
  type TestPresence,
  temporaryFolder,
  waitUntil,
} from "@realchat/presence-testing";
import { connect, type SocketClient, toldUsers } from "../testing/socket-client.ts";

// A gateway whose clients all come at once has what these two take to let them in, on a busy machine too.
const ttlMs = 8_000;
const graceMs = 6_000;
const crowd = Array.from({ length: 300 }, (_, index) => `user-${index}`);

let presence: TestPresence;
let first: TestDelivery;
let second: TestDelivery;
/** Connected to the second gateway, sees everybody; the others see nobody else. */
let observer: SocketClient;
/** Users that the observer was told to be offline, and when, ms; emptied by each test when its story begins. */
const greyAtMs = new Map<string, number>();

beforeEach(async () => {
  const file = join(temporaryFolder("audience").path, "audience.jsonl");
  const relations = crowd.flatMap((userId) => [
    { user_id: "observer", contact_id: userId },
    { user_id: userId, contact_id: "observer" },
  ]);
  writeFileSync(file, relations.map((relation) => `${JSON.stringify(relation)}\n`).join(""));
  presence = await startPresence({
    env: {
      ...{ SESSION_TTL: `${ttlMs}ms`, OFFLINE_GRACE: `${graceMs}ms` },
      ...{ LEASE_TTL: `${ttlMs}ms`, LEASE_HEARTBEAT_INTERVAL: "1s" },
    },
  });
  const env = {
    ...{ PRESENCE_SVC_ADDR: presence.grpcAddress, AUDIENCE_FILE: file, SAMPLE_CAST: "false" },
    ...{ DRAIN_SPREAD: "2s", DRAIN_TIMEOUT: "20s" },
  };
  [first, second] = await Promise.all([startDelivery({ env }), startDelivery({ env })]);
  observer = await connect({
    address: second.socketAddress,
    userId: "observer",
    onFrame(frame) {
      for (const { id, online } of toldUsers(frame)) if (!online) greyAtMs.set(id, systemClock.monotonicMs());
    },
  });
});

afterEach(async () => {
  observer.socket.terminate();
  await Promise.all([first.kill(), second.kill()]);
  await presence.kill();
});

const connectAll = (users: readonly string[], { socketAddress: address }: TestDelivery) =>
  Promise.all(users.map((userId) => connect({ address, userId })));

async function untilAllGreen(users: readonly string[]): Promise<void> {
  const areGreen = () => users.every((userId) => observer.users.get(userId)?.online);
  await waitUntil(areGreen, { what: `${users.length} users are green` });
}

describe("a gateway", () => {
  test("that is killed: who comes back in time is never grey, all others are within TTL + 1 s", async () => {
    const clients = await connectAll(crowd, first);
    await untilAllGreen(crowd);
    greyAtMs.clear();
    const heldUpMs = heldUp(() => [presence.pid, second.pid]);
    const killedMs = systemClock.monotonicMs();
    await first.kill();
    await Promise.all(clients.map((client) => client.untilClosed()));
    const [returning, gone] = [crowd.slice(0, 150), crowd.slice(150)];
    const back = await connectAll(returning, second);
    await waitUntil(() => gone.every((userId) => greyAtMs.has(userId)), {
      what: "all who did not come back are grey",
    });
    const latestMs = Math.max(...greyAtMs.values()) - killedMs;
    const mostMs = ttlMs + 1_000 + 500 + heldUpMs();
    assert.ok(latestMs <= mostMs, `the last one turned grey after ${latestMs} ms, the TTL is ${ttlMs} ms`);
    assert.deepEqual(
      [...greyAtMs.keys()].filter((userId) => returning.includes(userId)),
      [],
    );
    for (const { socket } of back) socket.terminate();
  });

  test("that is told to go hands everybody over: its clients come one after the other, and no dot turns grey", async () => {
    const clients = await connectAll(crowd, first);
    await untilAllGreen(crowd);
    greyAtMs.clear();
    const closedAtMs: number[] = [];
    const moved = clients.map(async (client, index) => {
      const { code, reason } = await client.untilClosed();
      closedAtMs.push(systemClock.monotonicMs());
      assert.deepEqual({ code, reason }, { code: 1012, reason: "restart" });
      return connect({ address: second.socketAddress, userId: crowd[index] });
    });
    const sinceMs = systemClock.monotonicMs();
    assert.equal(await first.stop(), 0);
    const tookMs = systemClock.monotonicMs() - sinceMs;
    assert.ok(tookMs < 20_000, `it took ${tookMs} ms to go`);
    const back = await Promise.all(moved);
    const spreadMs = Math.max(...closedAtMs) - Math.min(...closedAtMs);
    assert.ok(spreadMs > 1_000, `all were closed within ${spreadMs} ms`);
    // Past the grace of those that were closed last, nobody has turned grey, and nobody does when he leaves later.
    back[0]?.say({ type: "logout" });
    await observer.untilTold("user-0", false);
    const late = await connect({ address: second.socketAddress, userId: "user-0" });
    await observer.untilTold("user-0", true);
    late.socket.close(1000);
    await waitUntil(() => observer.users.get("user-0")?.online === false, {
      what: "a later grace is over",
    });
    assert.deepEqual([...greyAtMs.keys()], ["user-0"]);
    for (const { socket } of back) socket.terminate();
  });
});
