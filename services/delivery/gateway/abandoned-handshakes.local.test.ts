import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { afterEach, describe, test } from "node:test";
import { systemClock } from "@realchat/presence-runtime/clock";
import { resetConnection, waitUntil } from "@realchat/presence-testing";
import { WebSocket } from "ws";
import { jsonProtocol } from "../testing/socket-client.ts";
import type { Authentication } from "./authentication/authenticator.ts";
import { type GatewayHarness, startGatewayHarness } from "./testing/gateway-harness.ts";

let harness: GatewayHarness;
const clients: WebSocket[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.terminate();
  harness.close();
});

const ada: Authentication = { kind: "user", userId: "ada", expiresAtMs: undefined };

/** Holds each handshake until it is let go. */
function heldUp() {
  const waiting: (() => void)[] = [];
  const authenticate = () => new Promise<Authentication>((resolve) => waiting.push(() => resolve(ada)));
  return { waiting, authenticator: { needsToken: true, authenticate } };
}

/** Sends a handshake, as a client that may leave before it is answered. */
async function handshake(): Promise<Socket> {
  const [host = "", port] = harness.address.split(":");
  const socket = connect(Number(port), host);
  socket.on("error", () => {});
  const fields = ["Host: gateway", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"];
  const key = "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==";
  socket.write(["GET /ws?user_id=ada&device_id=phone HTTP/1.1", ...fields, key, "", ""].join("\r\n"));
  await new Promise((resolve) => socket.once("connect", resolve));
  return socket;
}

const untilRefused = (reason: string) =>
  waitUntil(() => (harness.gateway.metrics.refused as Record<string, number>)[reason], {
    what: `${reason} is counted`,
  });

describe("a client that leaves before its handshake is taken", () => {
  for (const [how, leave] of [
    ["with a FIN", (socket: Socket) => socket.end()],
    ["with a RST", resetConnection],
  ] as const) {
    test(`${how} is not registered`, async () => {
      const { waiting, authenticator } = heldUp();
      harness = await startGatewayHarness({ authenticator });
      const socket = await handshake();
      await waitUntil(() => waiting.length === 1, { what: "the handshake is being looked at" });
      const left = new Promise((resolve) => socket.once("finish", resolve).once("close", resolve));
      leave(socket);
      await left;
      waiting[0]?.();
      assert.equal(await untilRefused("gone"), 1);
      assert.deepEqual(harness.sessions, []);
      assert.equal(harness.gateway.metrics.opened, 0);
      await waitUntil(() => harness.gateway.metrics.bounds.places.used === 0, { what: "its place is free" });
    });
  }

  test("while the event loop was blocked is not registered: unread data of its socket is read first", async () => {
    harness = await startGatewayHarness();
    const socket = await handshake();
    // The loop has not turned since: request and FIN arrive together.
    socket.end();
    assert.equal(await untilRefused("gone"), 1);
    assert.deepEqual(harness.sessions, []);
  });
});

describe("a handshake that may have waited", () => {
  const ask = (autoPong: boolean) => {
    const url = `ws://${harness.address}/ws?user_id=ada&device_id=phone`;
    const socket = new WebSocket(url, [jsonProtocol], { autoPong });
    socket.on("error", () => {});
    clients.push(socket);
    return socket;
  };

  test("is registered once the client answered a ping, as alive at the time of the ping", async () => {
    harness = await startGatewayHarness({ turns: { waitedMs: 60_000 } });
    const beginMs = systemClock.monotonicMs();
    const socket = ask(true);
    await waitUntil(() => harness.sessions.length === 1, { what: "the session is opened" });
    assert.ok((harness.sessions[0]?.aliveAtMs ?? 0) >= beginMs);
    assert.equal(harness.subscriptions.length, 1);
    socket.terminate();
    await waitUntil(() => harness.sessions[0]?.closed, { what: "it ends with its socket" });
  });

  test("is never registered when the client does not answer, and the socket is dropped", async () => {
    const liveness = { pingEveryMs: 25_000, pongWithinMs: 300 };
    harness = await startGatewayHarness({ turns: { waitedMs: 60_000 }, liveness });
    const socket = ask(false);
    // A pong that nobody asked for proves nothing: it may be as old as the handshake.
    socket.on("open", () => socket.pong("unasked"));
    await new Promise((resolve) => socket.once("close", resolve));
    assert.deepEqual(harness.sessions, []);
    assert.deepEqual(harness.gateway.metrics.closed, { unproven: 1 });
    assert.ok(harness.subscriptions.every(({ isClosed }) => isClosed));
    assert.equal(harness.gateway.metrics.bounds.timers.used, 0);
  });

  test("is sent a ping as well when the authentication took long", async () => {
    const { waiting, authenticator } = heldUp();
    let waitedMs = 0;
    harness = await startGatewayHarness({
      authenticator,
      turns: {
        get waitedMs() {
          return waitedMs;
        },
      },
    });
    const socket = ask(false);
    await waitUntil(() => waiting.length === 1, { what: "the handshake is being looked at" });
    const sinceMs = systemClock.monotonicMs();
    await waitUntil(() => systemClock.monotonicMs() - sinceMs > 260, { what: "it has waited" });
    waitedMs = 1;
    waiting[0]?.();
    const pinged = new Promise((resolve) => socket.once("ping", resolve));
    await pinged;
    assert.deepEqual(harness.sessions, []);
    socket.terminate();
    await waitUntil(() => harness.gateway.metrics.sockets === 0, { what: "it is over" });
    assert.deepEqual(harness.sessions, []);
  });

  test("that logs out before it was registered is never registered", async () => {
    harness = await startGatewayHarness({ turns: { waitedMs: 60_000 } });
    const socket = ask(false);
    socket.on("open", () => socket.send('{"type":"logout"}'));
    const code = await new Promise((resolve) => socket.once("close", resolve));
    assert.equal(code, 4001);
    assert.deepEqual(harness.sessions, []);
  });

  test("is registered at once when it cannot have waited for long", async () => {
    harness = await startGatewayHarness({ turns: { waitedMs: 100 } });
    const socket = ask(false);
    await waitUntil(() => harness.sessions.length === 1, { what: "the session is opened" });
    socket.terminate();
  });
});

describe("a socket whose session was superseded", () => {
  test("is closed with connect_again when no session has the device", async () => {
    harness = await startGatewayHarness();
    const client = await harness.open();
    harness.sessions[0]?.supersede("nobody");
    assert.deepEqual(await client.untilClosed(), { code: 1012, reason: "connect_again" });
    assert.deepEqual(harness.gateway.metrics.closed, { connect_again: 1 });
  });
});
