import assert from "node:assert/strict";
import { once } from "node:events";
import { IncomingMessage, type ServerResponse } from "node:http";
import { get } from "node:https";
import { connect as connectTcp } from "node:net";
import { afterEach, describe, test } from "node:test";
import { queryObjects } from "node:v8";
import { issueCertificates } from "@realchat/presence-rpc/testing";
import { systemClock } from "@realchat/presence-runtime/clock";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { waitUntil } from "@realchat/presence-testing";
import { WebSocket } from "ws";
import { jsonProtocol } from "../testing/socket-client.ts";
import type { Authentication } from "./authentication/authenticator.ts";
import {
  type GatewayHarness,
  handshake,
  type ScriptedSubscription,
  startGatewayHarness,
} from "./testing/gateway-harness.ts";

let harness: GatewayHarness;
afterEach(() => harness.close());

const untilEnded = async (index = 0) => {
  const ended = () => harness.sessions[index]?.closed;
  return await waitUntil(ended, { what: `session ${index} is closed` });
};
const subscription = (index = 0) => harness.subscriptions[index] as ScriptedSubscription;
const always = (outcome: Authentication) => ({ needsToken: true, authenticate: async () => outcome });

describe("a socket's session ends", () => {
  test("at once when the client says that it logs out, by message or by code", async () => {
    harness = await startGatewayHarness();
    const byMessage = await harness.open();
    byMessage.say({ type: "logout" });
    assert.deepEqual(await byMessage.untilClosed(), { code: 4001, reason: "logged_out" });
    assert.equal(await untilEnded(), "logged-out");
    const byCode = await harness.open();
    byCode.socket.close(4001);
    assert.equal(await untilEnded(1), "logged-out");
    assert.deepEqual(harness.gateway.metrics.closed, { logged_out: 1, client_4001: 1 });
  });

  test("with grace when it closes otherwise, or is cut off", async () => {
    harness = await startGatewayHarness();
    const closes = [(await harness.open()).socket, (await harness.open()).socket, (await harness.open()).socket];
    closes[0]?.close(1000);
    closes[1]?.close(1001);
    closes[2]?.terminate();
    for (const index of [0, 1, 2]) assert.equal(await untilEnded(index), "connection-lost");
    await waitUntil(() => harness.gateway.metrics.sockets === 0, { what: "no socket is left" });
    assert.deepEqual(harness.gateway.metrics.closed, { client_1000: 1, client_1001: 1, lost: 1 });
    assert.ok(harness.subscriptions.every(({ isClosed }) => isClosed));
    assert.equal(harness.gateway.metrics.bounds.timers.used, 0);
  });

  test("and the socket with it, when a newer connection takes its place or presence does not take it", async () => {
    harness = await startGatewayHarness();
    const replaced = await harness.open();
    harness.sessions[0]?.supersede();
    assert.deepEqual(await replaced.untilClosed(), { code: 4000, reason: "session_replaced" });
    const refused = await harness.open();
    harness.sessions[1]?.refuse("RESOURCE_EXHAUSTED");
    assert.deepEqual(await refused.untilClosed(), { code: 4429, reason: "too_many_devices" });
    const unfit = await harness.open();
    harness.sessions[2]?.refuse("INVALID_ARGUMENT");
    assert.deepEqual(await unfit.untilClosed(), { code: 4403, reason: "forbidden: presence does not take this id" });
  });

  test("when the client does not answer a ping in time; one that does is left alone", async () => {
    harness = await startGatewayHarness({ liveness: { pingEveryMs: 200, pongWithinMs: 1_500 } });
    const alive = await harness.open({ deviceId: "alive" });
    const frozen = await harness.open({ deviceId: "frozen" });
    let pings = 0;
    alive.socket.on("ping", () => pings++);
    frozen.socket.pause();
    assert.equal(await untilEnded(1), "connection-lost");
    await waitUntil(() => pings >= 3, { what: "the other was pinged three times" });
    assert.equal(harness.sessions[0]?.closed, undefined);
    assert.deepEqual(harness.gateway.metrics.closed, { lost: 1 });
    frozen.socket.terminate();
  });
});

describe("a client says", () => {
  test("which users it subscribes to and unsubscribes from", async () => {
    harness = await startGatewayHarness();
    const client = await harness.open();
    client.say({ type: "subscribe", users: ["bob", "eve"] });
    client.say({ type: "unsubscribe", users: ["bob"] });
    await waitUntil(() => subscription().calls.length === 2, { what: "both arrived" });
    assert.deepEqual(subscription().calls, ["+bob,eve", "-bob"]);
    client.say({ type: "subscribe", users: ["a", "b", "c", "d"] });
    assert.deepEqual(await client.untilClosed(), { code: 1008, reason: "too_many_users: unsubscribe some first" });
  });

  test("nothing to know that its pings are answered: a pong is the first frame, unasked; the older protocol has none", async () => {
    harness = await startGatewayHarness();
    const client = await harness.open();
    await waitUntil(() => client.frames.length > 0, { what: "a frame came" });
    assert.deepEqual(client.frames, [{ type: "pong" }]);
    client.say({ type: "ping" });
    await waitUntil(() => client.frames.length > 1, { what: "the ping is answered" });
    assert.deepEqual(client.frames, [{ type: "pong" }, { type: "pong" }]);
    const older = await harness.open({ protocols: [] });
    let messages = 0;
    older.socket.on("message", () => messages++);
    older.say({ type: "logout" });
    await older.untilClosed();
    assert.equal(messages, 0);
  });

  test("things of later versions, which are ignored", async () => {
    harness = await startGatewayHarness();
    const client = await harness.open();
    client.say({ type: "dance" });
    client.socket.send(Buffer.from([1, 2]));
    client.say({ type: "subscribe", users: ["bob"] });
    await waitUntil(() => subscription().calls.length === 1, { what: "the last one arrived" });
    assert.deepEqual(harness.gateway.metrics.messages, { unknown: 2, subscribe: 1 });
  });

  test("nothing that is invalid, too big or too much: it is closed with the reason", async () => {
    harness = await startGatewayHarness();
    const wrong = await harness.open();
    wrong.say({ type: "subscribe", users: [""] });
    assert.deepEqual(await wrong.untilClosed(), { code: 1008, reason: "bad_message: users[0] is empty" });
    const noJson = await harness.open();
    noJson.say("hello");
    assert.deepEqual(await noJson.untilClosed(), { code: 1007, reason: "not_json" });
    const big = await harness.open();
    big.say("x".repeat(1_025));
    assert.equal((await big.untilClosed()).code, 1009);
    const busy = await harness.open();
    for (let count = 0; count < 25; count++) busy.say({ type: "unsubscribe", users: [] });
    assert.deepEqual(await busy.untilClosed(), { code: 1008, reason: "too_many_messages" });
    await waitUntil(() => harness.gateway.metrics.sockets === 0, { what: "no socket is left" });
    const { closed } = harness.gateway.metrics;
    assert.deepEqual(closed, { bad_message: 1, not_json: 1, too_big: 1, too_many_messages: 1 });
  });

  test("anything without a sub-protocol: such messages have always been ignored", async () => {
    harness = await startGatewayHarness();
    const client = await harness.open({ protocols: [] });
    assert.equal(client.socket.protocol, "");
    client.say('{"resume":{"last":17}}');
    client.say("hello");
    client.say({ type: "logout" });
    assert.equal((await client.untilClosed()).code, 4001);
  });
});

describe("many handshakes at once", () => {
  const limits = {
    ...{ socketsMax: 100, userMaxSockets: 100, addressMaxSockets: 100 },
    ...{ messageMaxBytes: 1_024, messageRate: { perSecond: 100, burst: 100 } },
  };

  /**
   * Their requests are in the kernel before the gateway reads the first of them; and they are accepted, which libuv does
   * for one connection in each turn of the event loop.
   */
  async function handshakes(count: number): Promise<{ answers: string[] }> {
    const [host = "", port] = harness.address.split(":");
    const connect = async () => {
      const socket = connectTcp(Number(port), host);
      socket.write("GET /accepted HTTP/1.1\r\nHost: x\r\n\r\n");
      await new Promise((resolve) => socket.once("data", resolve));
      return socket;
    };
    const sockets = await Promise.all(Array.from({ length: count }, connect));
    const answers = Array<string>(count).fill("");
    for (const [index, socket] of sockets.entries()) {
      socket.on("data", (data) => {
        answers[index] += String(data);
      });
      const fields = ["Host: x", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"];
      const request = [`GET /ws?user_id=u${index}&device_id=d HTTP/1.1`, ...fields, `Sec-WebSocket-Key: ${key}`];
      socket.write(`${request.join("\r\n")}\r\n\r\n`);
    }
    return { answers };
  }
  const key = "dGhlIHNhbXBsZSBub25jZQ==";

  test("wait for their turn, and those beyond the limit are told to come back, not all at the same time", async () => {
    harness = await startGatewayHarness({ limits: { ...limits, handshakesMax: 20 } });
    const { answers } = await handshakes(60);
    await waitUntil(() => answers.every((answer) => answer.includes("\r\n\r\n")), { what: "all are answered" });
    const refused = answers.filter((answer) => answer.startsWith("HTTP/1.1 503 "));
    const opened = answers.filter((answer) => answer.startsWith("HTTP/1.1 101 "));
    assert.equal(opened.length + refused.length, 60);
    assert.ok(opened.length >= 20 && refused.length >= 1, `${opened.length} opened, ${refused.length} refused`);
    const waits = refused.map((answer) => /^Retry-After: (\d+)\r$/m.exec(answer)?.[1]);
    assert.ok(waits.every((wait) => Number(wait) >= 2 && Number(wait) <= 5));
    assert.ok(refused.length < 10 || new Set(waits).size > 1, `all come back after ${waits[0]} s`);
    assert.match(refused[0] ?? "", /"error":"overloaded","message":"20 clients wait for this gateway, its limit:/);
    const { metrics } = harness.gateway;
    assert.deepEqual(metrics.refused, { overloaded: refused.length });
    assert.deepEqual(metrics.bounds.handshakes, { used: 0, limit: 20 });
    await waitUntil(() => harness.gateway.metrics.bounds.places.used === opened.length, { what: "no place is lost" });
  });

  test("leave the sockets that are open their turns between them", async () => {
    harness = await startGatewayHarness({
      limits: { ...limits, handshakesMax: 100 },
      push: {
        connect() {
          const endMs = systemClock.monotonicMs() + 5;
          while (systemClock.monotonicMs() < endMs);
          return { subscribe: () => true, unsubscribe() {}, close() {} };
        },
      },
    });
    const open = await harness.open();
    const { answers } = await handshakes(60);
    await waitUntil(() => harness.gateway.metrics.opened > 1, { what: "the first is open" });
    const atPing = harness.gateway.metrics.opened;
    const answered = new Promise((resolve) => open.socket.once("pong", resolve));
    open.socket.ping();
    await answered;
    const atPong = harness.gateway.metrics.opened;
    assert.ok(atPing < 30 && atPong - atPing < 20, `${atPing} were open at the ping, ${atPong} at the pong`);
    await waitUntil(() => answers.every((answer) => answer.startsWith("HTTP/1.1 101 ")), { what: "all are open" });
  });
});

test("an open socket keeps nothing of its handshake, whose headers and token are larger than all the rest", async () => {
  harness = await startGatewayHarness();
  const before = queryObjects(IncomingMessage);
  const handshake = [
    "GET /ws?user_id=ada&device_id=phone HTTP/1.1\r\nhost: gateway\r\nconnection: upgrade\r\nupgrade: websocket",
    "sec-websocket-version: 13\r\nsec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n",
  ];
  const client = connectTcp({ host: "127.0.0.1", port: Number(harness.address.split(":")[1]) });
  client.write(handshake.join("\r\n"));
  await waitUntil(() => harness.gateway.metrics.sockets === 1, { what: "it is open" });
  await waitUntil(() => queryObjects(IncomingMessage) === before, { what: "its request is gone" });
  client.destroy();
});

describe("a socket is refused", () => {
  test("with a status when it is invalid", async () => {
    harness = await startGatewayHarness();
    assert.match(await harness.refusal({ headers: { origin: "https://evil.example" } }), /403/);
    assert.match(await harness.refusal({ userId: undefined }), /400/);
    assert.match(await harness.refusal({ protocols: ["chat.v9"] }), /400/);
    assert.deepEqual(harness.gateway.metrics.refused, { foreign_origin: 1, bad_request: 1, unknown_protocol: 1 });
  });

  test("beyond the limits of a user, an address and the gateway, until some are closed", async () => {
    const limits = { messageMaxBytes: 1_024, messageRate: { perSecond: 5, burst: 5 } };
    harness = await startGatewayHarness({
      limits: { ...limits, socketsMax: 4, userMaxSockets: 2, addressMaxSockets: 3, handshakesMax: 10 },
    });
    const from = (address: string) => ({ headers: { "x-client": address } });
    const first = await harness.open(from("1.1.1.1"));
    await harness.open(from("1.1.1.1"));
    assert.match(await harness.refusal(from("2.2.2.2")), /429/);
    await harness.open({ ...from("1.1.1.1"), userId: "bob" });
    assert.match(await harness.refusal({ ...from("1.1.1.1"), userId: "bob" }), /429/);
    await harness.open({ ...from("3.3.3.3"), userId: "eve" });
    assert.match(await harness.refusal({ ...from("4.4.4.4"), userId: "eve" }), /503/);
    assert.deepEqual(harness.gateway.metrics.refused, { sockets_of_user: 1, sockets_of_address: 1, sockets_total: 1 });
    first.socket.close();
    await waitUntil(async () => (await harness.refusal(from("4.4.4.4"))) === "opened", { what: "there is room again" });
  });

  test("for its token with a status, or with a close code for a page", async () => {
    harness = await startGatewayHarness({ authenticator: always({ kind: "unauthenticated", message: "no" }) });
    assert.match(await harness.refusal({ protocols: [] }), /401/);
    const page = await harness.open();
    assert.deepEqual(await page.untilClosed(), { code: 4401, reason: "token_refused" });
    assert.equal(harness.sessions.length, 0);
    assert.deepEqual(harness.gateway.metrics.refused, { unauthenticated: 2 });
  });

  test("when its handshake takes too long", async () => {
    harness = await startGatewayHarness({ handshake: { ...handshake, timeoutMs: 300 } });
    const [host, port] = harness.address.split(":");
    const slow = connectTcp(Number(port), host);
    let answer = "";
    slow.on("data", (data) => {
      answer += data;
    });
    slow.write("GET /ws HTTP/1.1\r\nHost: x\r\n");
    await new Promise((resolve) => slow.once("close", resolve));
    assert.match(answer, /^HTTP\/1\.1 408 [\s\S]*"error":"timeout"/);
    assert.deepEqual(harness.gateway.metrics.refused, { timeout: 1 });
  });
});

describe("a handshake that is none", () => {
  const upgrade = { Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "13" };
  const good: Record<string, string> = { Host: "x", ...upgrade, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==" };

  /** What the gateway says to a request, until it ends the connection or opens a socket. */
  async function answerTo(line: string, headers: Record<string, string | undefined>): Promise<string> {
    const [host, port] = harness.address.split(":");
    const socket = connectTcp(Number(port), host);
    const given = Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}: ${value}`],
    );
    socket.write(`${line} HTTP/1.1\r\n${given.join("\r\n")}\r\n\r\n`);
    let answer = "";
    for await (const data of socket) {
      answer += data;
      if (answer.startsWith("HTTP/1.1 101 ")) break;
    }
    return answer;
  }

  const line = "GET /ws?user_id=ada&device_id=phone";

  test("is answered as every other refusal, in JSON, and counted", async () => {
    harness = await startGatewayHarness();
    const cases: [string, Record<string, string | undefined>, number, string, RegExp][] = [
      [line, { ...good, "Sec-WebSocket-Key": undefined }, 400, "bad_request", /sec-websocket-key/],
      [line, { ...good, "Sec-WebSocket-Key": "short" }, 400, "bad_request", /sec-websocket-key/],
      [line, { ...good, "Sec-WebSocket-Version": undefined }, 426, "bad_request", /sec-websocket-version/],
      [line, { ...good, "Sec-WebSocket-Version": "8" }, 426, "bad_request", /sec-websocket-version/],
      [line, { ...good, "Sec-WebSocket-Version": "14" }, 426, "bad_request", /sec-websocket-version/],
      [line.replace("GET", "POST"), { ...good, "Content-Length": "0" }, 405, "bad_request", /POST/],
      [line, { ...good, Upgrade: undefined, Connection: "close" }, 426, "no_upgrade", /proxy/],
      [line, { ...good, Connection: "close" }, 426, "no_upgrade", /proxy/],
      [line, { ...good, Connection: "Upgrade, close", Upgrade: "h2c" }, 426, "no_upgrade", /proxy/],
      [line, { ...good, "Sec-WebSocket-Protocol": "chat.v9" }, 400, "unknown_protocol", /sub-protocol/],
      ["GET /ws?user_id=%ED%A0%80&device_id=x", good, 400, "bad_request", /user_id is no percent-encoded UTF-8/],
      ["GET /ws?user_id=ada&device_id=%zz", good, 400, "bad_request", /device_id is no percent-encoded UTF-8/],
      ["GET /ws?user_id=ada&device_id=%00", good, 400, "bad_request", /device_id has the control character U\+0000/],
      ["GET /other", good, 404, "not_found", /\/ws/],
      [line, { ...good, Cookie: "x".repeat(20_000) }, 431, "headers_too_big", /16384/],
      ["GET /ws HTTP/9.9 nonsense", good, 400, "bad_request", /no HTTP/],
    ];
    for (const [first, headers, status, reason, message] of cases) {
      const before = harness.gateway.metrics.refused[reason as "bad_request"] ?? 0;
      const answer = await answerTo(first, headers);
      const [head = "", body = ""] = answer.split("\r\n\r\n");
      assert.match(head, new RegExp(`^HTTP/1\\.1 ${status} `), answer);
      assert.match(head, /^content-type: application\/json$/im);
      const told = JSON.parse(body) as { error: string; message: string };
      assert.equal(told.error, reason);
      assert.match(told.message, message);
      assert.equal(harness.gateway.metrics.refused[reason as "bad_request"], before + 1, answer);
    }
    assert.match(await answerTo(line, { ...good, "Sec-WebSocket-Version": "8" }), /^sec-websocket-version: 13$/im);
    assert.match(await answerTo(line, { ...good, Connection: "close" }), /^upgrade: websocket$/im);
    assert.equal(harness.gateway.metrics.bounds.places.used, 0);
  });

  test("that is unusual but valid opens a socket: an empty header counts as not sent", async () => {
    harness = await startGatewayHarness();
    const jsonOffer = `${jsonProtocol}, ${jsonProtocol}`;
    for (const [more, protocol] of [
      [{ "Sec-WebSocket-Protocol": "" }, undefined],
      [{ "Sec-WebSocket-Protocol": " " }, undefined],
      [{ "Sec-WebSocket-Protocol": ", ," }, undefined],
      [{ "Sec-WebSocket-Protocol": jsonOffer }, jsonProtocol],
      [{ "Sec-WebSocket-Protocol": `,bearer.a b, ${jsonProtocol},` }, jsonProtocol],
      [{ "Sec-WebSocket-Protocol": "bearer.x" }, undefined],
      [{ "Sec-WebSocket-Extensions": ",;=" }, undefined],
      [{ Upgrade: "WebSocket" }, undefined],
      [{ Upgrade: "h2c, websocket" }, undefined],
      [{ Connection: "keep-alive, Upgrade" }, undefined],
    ] as [Record<string, string>, string | undefined][]) {
      const answer = await answerTo(line, { ...good, ...more });
      assert.match(answer, /^HTTP\/1\.1 101 /, JSON.stringify(more));
      assert.equal(/^sec-websocket-protocol: (.*)$/im.exec(answer)?.[1], protocol, JSON.stringify(more));
    }
    assert.deepEqual(harness.gateway.metrics.refused, {});
  });

  test("for the page is answered, whatever protocol it offers to upgrade to: curl --http2", async () => {
    const page = (request: IncomingMessage, response: ServerResponse) => void response.end(`page of ${request.url}`);
    harness = await startGatewayHarness({ page });
    for (const protocol of ["h2c", "TLS/1.0", "foo"]) {
      const headers = {
        Host: "x",
        Connection: "Upgrade, HTTP2-Settings, close",
        Upgrade: protocol,
        "HTTP2-Settings": "AAMAAABk",
      };
      const answer = await answerTo("GET /", headers);
      assert.match(answer, /^HTTP\/1\.1 200 [\s\S]*page of \/$/, protocol);
    }
    assert.deepEqual(harness.gateway.metrics.refused, {});
  });

  test("from a foreign page is reported to the operator", async () => {
    const told: string[] = [];
    harness = await startGatewayHarness({ onForeignOrigin: (origin) => told.push(origin) });
    assert.match(await answerTo(line, { ...good, Origin: "https://evil.example" }), /^HTTP\/1\.1 403 /);
    assert.deepEqual(told, ["https://evil.example"]);
  });

  test("without any data is not counted: browsers connect ahead of time", async () => {
    harness = await startGatewayHarness({ handshake: { ...handshake, timeoutMs: 200 } });
    const [host, port] = harness.address.split(":");
    const silent = connectTcp(Number(port), host);
    silent.resume();
    await new Promise((resolve) => silent.once("close", resolve));
    assert.deepEqual(harness.gateway.metrics.refused, {});
  });
});

describe("a token", () => {
  test("that ends takes its socket along", async () => {
    const expiresAtMs = systemClock.nowUs() / 1000 + 300;
    harness = await startGatewayHarness({
      authenticator: always({ kind: "user", userId: "ada", expiresAtMs }),
      liveness: { pingEveryMs: 400, pongWithinMs: 100 },
    });
    const client = await harness.open({ userId: undefined, protocols: [jsonProtocol, "bearer.a.b.c"] });
    assert.equal(client.socket.protocol, jsonProtocol);
    assert.deepEqual(await client.untilClosed(), { code: 4401, reason: "token_expired" });
    assert.equal(await untilEnded(), "connection-lost");
  });
});

test("with a certificate, sockets are encrypted", async () => {
  const { ca, server } = issueCertificates();
  harness = await startGatewayHarness({ tls: server });
  const socket = new WebSocket(`wss://${harness.address}/ws?user_id=ada&device_id=phone`, [jsonProtocol], { ca });
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  assert.equal(harness.subscriptions[0]?.userId, "ada");
  socket.close();
  assert.equal(await untilEnded(), "connection-lost");
  // What Node gives up is answered over TLS as well.
  const answer = await new Promise<string>((resolve, reject) => {
    const request = get(
      `https://${harness.address}/ws`,
      { ca, headers: { cookie: "x".repeat(20_000) } },
      (response) => {
        response.setEncoding("utf8").once("data", (body) => resolve(`${response.statusCode} ${body}`));
      },
    );
    request.once("error", reject);
  });
  assert.match(answer, /^431 .*"headers_too_big"/);
});

test("a new certificate is for new sockets, open ones stay", async () => {
  const [first, second] = [issueCertificates(), issueCertificates()];
  harness = await startGatewayHarness({ tls: first.server });
  const { address, gateway, subscriptions } = harness;
  const open = (userId: string, ca: string) =>
    once(new WebSocket(`wss://${address}/ws?user_id=${userId}&device_id=phone`, [jsonProtocol], { ca }), "open");
  await open("ada", first.ca);
  gateway.replaceTls(second.server);
  await assert.rejects(open("bruno", first.ca), { code: "CERT_SIGNATURE_FAILURE" });
  await open("bruno", second.ca);
  assert.deepEqual(
    subscriptions.map(({ userId, isClosed }) => [userId, isClosed]),
    [
      ["ada", false],
      ["bruno", false],
    ],
  );
});

describe("a gateway that goes away", () => {
  test("closes its sockets one after the other, hands their sessions over, and takes no more", async () => {
    const clock = new FakeClock();
    harness = await startGatewayHarness({ clock });
    const userIds = Array.from({ length: 8 }, (_, index) => `user-${index}`);
    const clients = await Promise.all(userIds.map((userId) => harness.open({ userId })));
    const untilClosed = (count: number) =>
      waitUntil(() => clients.filter(({ end }) => end !== undefined).length === count, { what: `${count} are closed` });
    const drained = harness.gateway.drain(400);
    await untilClosed(1);
    await clock.advance(200);
    await untilClosed(5);
    await clock.advance(200);
    await drained;
    const ends = await Promise.all(clients.map((client) => client.untilClosed()));
    assert.deepEqual(new Set(ends.map(({ code, reason }) => `${code} ${reason}`)), new Set(["1012 restart"]));
    assert.ok(harness.sessions.every(({ closed }) => closed === "server-drain"));
    assert.match(await harness.refusal(), /ECONNREFUSED|503/);
  });
});
