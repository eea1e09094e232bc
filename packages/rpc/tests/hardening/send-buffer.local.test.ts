import assert from "node:assert/strict";
import { describe } from "node:test";
import { waitUntil } from "@realchat/presence-testing";
import type { RpcLimits } from "../../limits.ts";
import { fieldBlock, indexed, literal } from "../../testing/raw-http2/field-block.ts";
import { data, headers, settings, windowUpdate } from "../../testing/raw-http2/frames.ts";
import { head, headWith, headWithout, open, request, unary } from "../conformance/texts.ts";
import { attack } from "./attack-harness.ts";
import { asks } from "./attacked-service.ts";

const mib = 2 ** 20;

describe("output that nobody takes", () => {
  attack("a fast stream to a socket that nobody reads waits at the limit", {}, async (harness) => {
    const client = await harness.nonReadingClient(["INITIAL_WINDOW_SIZE", 2 ** 31 - 1]);
    await client.write(windowUpdate(0, 2 ** 30), open(1, "Download"), request(1, asks.much, { end: true }));
    await harness.isHeldUp();
    assert.ok(harness.heldBytes() < 4 * mib, `${harness.heldBytes()} bytes are held`);
  });

  attack("fast streams to closed windows wait, all of them together", {}, async (harness) => {
    const client = await harness.client(["INITIAL_WINDOW_SIZE", 0]);
    for (let stream = 1; stream < 400; stream += 2) {
      client.write(open(stream, "Download"), request(stream, "a", { end: true }));
    }
    await client.next("HEADERS", { stream: 399 });
    await harness.isHeldUp();
    assert.ok(harness.heldBytes() < 4 * mib, `${harness.heldBytes()} bytes are held`);
  });

  attack(
    "unary answers to a socket that nobody reads: handlers wait to be started",
    { limits: { concurrentStreams: 20 } },
    async (harness) => {
      const client = await harness.nonReadingClient(["INITIAL_WINDOW_SIZE", 2 ** 31 - 1]);
      await client.write(windowUpdate(0, 2 ** 30));
      for (let stream = 1; stream < 4_000; stream += 2) if (!(await client.write(unary(stream, asks.much)))) break;
      assert.ok(harness.heldBytes() < 3 * mib, `${harness.heldBytes()} bytes are held`);
    },
  );

  // What could be asked for without end, since no handler waits for room before it is answered.
  const hasty: readonly { title: string; limit: keyof RpcLimits; ask: (stream: number) => Uint8Array }[] = [
    {
      title: "methods that do not exist",
      limit: "progressTimeoutMs",
      ask: (stream) => headers(stream, Buffer.concat([indexed(62), withoutPath]), { end: true }),
    },
    {
      title: "requests that are no messages",
      limit: "progressTimeoutMs",
      ask: (stream) => Buffer.concat([headers(stream, call), data(stream, Buffer.of(7), { end: true })]),
    },
    // These wait for room or a window, and those beyond the open streams are refused.
    {
      title: "requests that are not gRPC",
      limit: "resetBurst",
      ask: (stream) => headers(stream, get, { end: true }),
    },
    { title: "small answers", limit: "resetBurst", ask: (stream) => unary(stream, word) },
  ];
  const call = fieldBlock(head());
  const get = fieldBlock(headWith(":method", "GET"));
  const word = "w".repeat(1_000);
  const withoutPath = fieldBlock(headWithout(":path"));
  const longPath = literal("incremental", ":path", `/${"~".repeat(3_000)}`);
  for (const { title, limit, ask } of hasty) {
    attack(`${title}, asked for without reading`, {}, async (harness) => {
      const client = await harness.nonReadingClient();
      await client.write(headers(1, Buffer.concat([longPath, withoutPath]), { end: true }));
      const batchAt = (first: number) => Array.from({ length: 500 }, (_, index) => ask(first + 2 * index));
      const halt = limit === "progressTimeoutMs" ? "sendBufferMaxBytes" : limit;
      for (let stream = 3; harness.hits(halt) === 0; stream += 1_000) {
        await client.write(...batchAt(stream));
        // A busy machine may take long to read: that is no halt.
        const isHalted = () => harness.hits(halt) > 0 || client.isRead;
        await waitUntil(isHalted, { what: `the client is read, or read no more: ${halt}` });
      }
      assert.ok(harness.heldBytes() < 6 * mib, `${harness.heldBytes()} bytes are held`);
      await harness.pass(22_000);
      await harness.isLeftBy(1);
      assert.equal(harness.hits(limit), 1);
    });
  }
});

describe("much ado about little", () => {
  attack("SETTINGS that open every window by a byte do not make frames of a byte without end", {}, async (harness) => {
    const client = await harness.client(["INITIAL_WINDOW_SIZE", 0]);
    for (let stream = 1; stream < 400; stream += 2) client.write(unary(stream, asks.much));
    await client.next("HEADERS", { stream: 399 });
    for (let window = 1; window <= 1_000; window++) client.write(settings(["INITIAL_WINDOW_SIZE", window]));
    await harness.ends(client, "ENHANCE_YOUR_CALM", "settingsBurst");
    const frames = client.received.filter(({ type }) => type === "DATA").length;
    assert.ok(frames <= 100 * 200, `${frames} frames`);
  });
});
