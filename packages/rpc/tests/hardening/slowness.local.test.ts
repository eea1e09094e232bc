import assert from "node:assert/strict";
import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { describe } from "node:test";
import { connect } from "node:tls";
import { waitUntil } from "@realchat/presence-testing";
import { issueCertificates } from "../../testing/certificates.ts";
import { readAnswer } from "../../testing/raw-http2/answer.ts";
import { fieldBlock } from "../../testing/raw-http2/field-block.ts";
import {
  continuation,
  flags,
  frame,
  frameHead,
  headers,
  preface,
  settings,
  windowUpdate,
} from "../../testing/raw-http2/frames.ts";
import type { RawHttp2Client } from "../../testing/raw-http2/raw-http2-client.ts";
import { errorCodeOf, has } from "../../testing/raw-http2/received-frame.ts";
import { head, open, request, unary } from "../conformance/texts.ts";
import { type AttackHarness, attack } from "./attack-harness.ts";
import { asks } from "./attacked-service.ts";

describe("slow read", () => {
  attack(
    "a window that stays closed: the stream is reset after 20 s, and the connection goes on",
    {},
    async (harness) => {
      const client = await harness.client(["INITIAL_WINDOW_SIZE", 0]);
      client.write(unary(1, asks.much));
      await client.next("HEADERS", { stream: 1 });
      await harness.pass(20_000);
      assert.equal(harness.hits("progressTimeoutMs"), 0);
      await harness.pass(2_000);
      assert.equal(errorCodeOf(await client.next("RST_STREAM", { stream: 1 })), "CANCEL");
      assert.equal(harness.hits("progressTimeoutMs"), 1);
      await isAlive(client);
    },
  );

  attack("a window of the connection that stays closed holds nobody's streams for ever", {}, async (harness) => {
    const client = await harness.client(["INITIAL_WINDOW_SIZE", 2 ** 20]);
    client.write(...[1, 3, 5, 7].map((stream) => unary(stream, asks.much)));
    await client.next("DATA", { stream: 1 });
    await harness.pass(22_000);
    await client.next("RST_STREAM");
    await waitUntil(() => harness.server.metrics().streams === 0, { what: "the streams are gone" });
    assert.equal(harness.hits("progressTimeoutMs"), 3);
  });

  attack(
    "a socket that nobody reads: the connection ends after 20 s",
    { memoryMaxBytes: 6 * 2 ** 20 },
    async (harness) => {
      const client = await harness.nonReadingClient(["INITIAL_WINDOW_SIZE", 2 ** 31 - 1]);
      await client.write(windowUpdate(0, 2 ** 30), open(1, "Download"), request(1, asks.much, { end: true }));
      await harness.isHeldUp();
      await harness.pass(22_000);
      await harness.isLeftBy(1);
      assert.ok(harness.hits("progressTimeoutMs") >= 1, "it is counted");
    },
  );
});

describe("slow write", () => {
  attack("a frame that comes a byte at a time: the end after 20 s", {}, async (harness) => {
    const client = await harness.client();
    client.write(open(1), frameHead(16_384, "DATA", 0, 1));
    await drips(harness, client, () => Buffer.of(0), 25);
    await client.untilClosed();
    assert.equal(harness.hits("progressTimeoutMs"), 1);
  });

  attack("fields that come a frame at a time: the end after 20 s", {}, async (harness) => {
    const client = await harness.client();
    client.write(headers(1, fieldBlock(head()), { endHeaders: false }));
    await drips(harness, client, (second) => (second % 4 === 0 ? continuation(1, "", false) : Buffer.alloc(0)), 22);
    await client.untilClosed();
    assert.equal(harness.hits("progressTimeoutMs"), 1);
  });

  attack("a request whose body pauses is no attack", {}, async (harness) => {
    const client = await harness.client();
    client.write(open(1, "Chat"), request(1, "a"));
    await drips(harness, client, () => Buffer.alloc(0), 25);
    client.write(request(1, "b", { end: true }));
    assert.equal((await readAnswer(client, 1)).fields.get("grpc-status"), "0");
  });
});

describe("connections that come to nothing", () => {
  const beginnings: Record<string, (harness: AttackHarness, client: RawHttp2Client) => Promise<void>> = {
    "a client that says nothing": (harness) => harness.pass(11_000),
    "a preface that never ends": (harness, client) =>
      drips(harness, client, (second) => preface.subarray(second, second + 1), 11),
    "a preface without SETTINGS": async (harness, client) => {
      client.write(preface);
      await harness.pass(11_000);
    },
    "SETTINGS that never end": async (harness, client) => {
      client.write(preface, frameHead(6, "SETTINGS", 0, 0));
      await harness.pass(11_000);
    },
  };
  for (const [title, begin] of Object.entries(beginnings)) {
    attack(`${title}: the end after 10 s`, {}, async (harness) => {
      const client = await harness.rawClient();
      await begin(harness, client);
      await client.untilClosed();
      assert.equal(harness.hits("prefaceTimeoutMs"), 1);
    });
  }

  const certificates = issueCertificates();
  const hello = Buffer.from("16030100ff010000fb0303", "hex");
  const handshakes: Record<string, (socket: Socket, harness: AttackHarness) => Promise<void>> = {
    "a TLS handshake that never begins": (_socket, harness) => harness.pass(11_000),
    "a TLS handshake of a byte a second": async (socket, harness) => {
      for (const byte of hello) {
        socket.write(Buffer.of(byte));
        await harness.pass(1_000);
      }
    },
  };
  for (const [title, begin] of Object.entries(handshakes)) {
    attack(`${title}: the end after 10 s`, { certificates }, async (harness) => {
      const socket = createConnection({ host: "127.0.0.1", port: harness.port });
      socket.on("error", () => undefined).resume();
      await once(socket, "connect");
      await Promise.all([closed(socket), begin(socket, harness)]);
      assert.equal(harness.hits("prefaceTimeoutMs"), 1);
    });
  }

  attack(
    "a preface that does not follow on a TLS handshake: the end 10 s after both began",
    { certificates },
    async (harness) => {
      const socket = createConnection({ host: "127.0.0.1", port: harness.port });
      await once(socket, "connect");
      await harness.pass(6_000);
      const secured = connect({ socket, ca: certificates.ca, servername: "localhost", ALPNProtocols: ["h2"] });
      secured.on("error", () => undefined).resume();
      await once(secured, "secureConnect");
      await Promise.all([closed(secured), harness.pass(5_000)]);
      assert.equal(harness.hits("prefaceTimeoutMs"), 1);
    },
  );

  attack("idle for too long: two GOAWAYs, and the end", { limits: { idleTimeoutMs: 60_000 } }, async (harness) => {
    const client = await harness.client();
    client.write(unary(1, "a"));
    await readAnswer(client, 1);
    await passAnswering(harness, client, 59_000);
    assert.equal(harness.hits("idleTimeoutMs"), 0);
    await passAnswering(harness, client, 4_000);
    await client.untilClosed();
    const codes = client.received.filter(({ type }) => type === "GOAWAY").map(errorCodeOf);
    assert.deepEqual(codes, ["NO_ERROR", "NO_ERROR"]);
    assert.equal(harness.hits("idleTimeoutMs"), 1);
  });

  attack("a call that lasts is not idle", { limits: { idleTimeoutMs: 60_000 } }, async (harness) => {
    const client = await harness.client();
    client.write(unary(1, asks.hold));
    await passAnswering(harness, client, 65_000);
    harness.service.release();
    assert.equal((await readAnswer(client, 1)).fields.get("grpc-status"), "0");
  });

  attack("a caller that is not there any more: asked after 30 s, gone after 10 s more", {}, async (harness) => {
    const client = await harness.client();
    client.write(unary(1, asks.wait));
    await harness.pass(29_000);
    assert.ok(!client.received.some(({ type }) => type === "PING"));
    await harness.pass(2_000);
    await client.next("PING");
    await harness.pass(11_000);
    await client.untilClosed();
    assert.equal(harness.hits("keepaliveTimeoutMs"), 1);
    await waitUntil(() => harness.service.atWork === 0, { what: "the handler knows" });
  });

  attack("a caller that answers stays", {}, async (harness) => {
    const client = await harness.client();
    await passAnswering(harness, client, 100_000);
    await isAlive(client);
    assert.equal(harness.hits("keepaliveTimeoutMs"), 0);
  });
});

/** Also when it ends with an error. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

/** Sends some bytes in each second. */
async function drips(
  harness: AttackHarness,
  client: RawHttp2Client,
  bytes: (second: number) => Buffer,
  seconds: number,
) {
  for (let second = 0; second < seconds; second++) {
    client.write(bytes(second));
    await harness.pass(1_000);
  }
}

/** Lets time pass for a client that answers PINGs. */
async function passAnswering(harness: AttackHarness, client: RawHttp2Client, ms: number): Promise<void> {
  let seen = 0;
  for (let left = ms; left > 0; left -= 1_000) {
    await harness.pass(1_000);
    for (const received of client.received.slice(seen)) {
      if (received.type === "PING" && !has(received, "ACK"))
        client.write(frame("PING", flags.ACK, 0, received.payload));
    }
    seen = client.received.length;
  }
}

async function isAlive(client: RawHttp2Client): Promise<void> {
  client.write(windowUpdate(0, 1_000_000), settings(["INITIAL_WINDOW_SIZE", 65_535]), unary(1_001, "still here"));
  assert.equal((await readAnswer(client, 1_001)).fields.get("grpc-status"), "0");
}
