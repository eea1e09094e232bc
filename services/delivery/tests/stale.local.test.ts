import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  startDelivery,
  startPresence,
  type TestDelivery,
  type TestPresence,
  waitUntil,
} from "@realchat/presence-testing";
import { connect, type SocketClient } from "../testing/socket-client.ts";

// Found 5 s after the first question without an answer; how long a machine takes to be back, nobody knows better than it.
const toldWithinMs = 20_000;
const backWithinMs = 40_000;

let presence: TestPresence;
let delivery: TestDelivery;
let ada: SocketClient;

before(async () => {
  presence = await startPresence();
  delivery = await startDelivery({ env: { PRESENCE_SVC_ADDR: presence.grpcAddress, SAMPLE_CAST: "true" } });
  ada = await open("ada");
  await ada.untilSnapshot();
});

after(async () => {
  const code = await delivery.stop();
  await presence.kill();
  assert.equal(code, 0);
});

const open = (userId: string) => connect({ address: delivery.socketAddress, userId });
/** One comes unasked. */
const pongs = () => ada.frames.filter(({ type }) => type === "pong").length;
const staleFrames = (client: SocketClient) => client.frames.filter(({ type }) => type === "stale").length;

describe("sockets are told that dots may not be current, and when they are again", () => {
  test("while presence hangs; their heartbeats are answered all the same", async () => {
    presence.pause();
    await ada.untilStale(true, toldWithinMs);
    ada.say({ type: "ping" });
    await waitUntil(() => pongs() === 2, { what: "the ping is answered" });
    const elif = await open("elif");
    await elif.untilStale(true);
    presence.resume();
    await Promise.all([ada.untilStale(false, backWithinMs), elif.untilStale(false, backWithinMs)]);
    assert.ok(elif.frames.findIndex(({ type }) => type === "snapshot") < elif.frames.length - 1);
    assert.deepEqual([staleFrames(ada), staleFrames(elif)], [2, 2]);
    elif.socket.close();
  });

  test("while presence is gone", async () => {
    const { grpcAddress } = presence;
    await presence.kill();
    await ada.untilStale(true, toldWithinMs);
    presence = await startPresence({ env: { GRPC_ADDR: grpcAddress } });
    await ada.untilStale(false, backWithinMs);
    const bruno = await open("bruno");
    await ada.untilTold("bruno", true);
    await bruno.untilSnapshot();
    assert.equal(staleFrames(bruno), 0);
    const metrics = await delivery.metrics();
    assert.deepEqual([metrics.get("delivery_stale"), metrics.get("delivery_stale_times_total")], [0, 2]);
    bruno.socket.close();
  });
});
