import assert from "node:assert/strict";
import { describe } from "node:test";
import { waitUntil } from "@realchat/presence-testing";
import { readAnswer } from "../../testing/raw-http2/answer.ts";
import { fieldBlock } from "../../testing/raw-http2/field-block.ts";
import { data, frame, headers, rstStream, windowUpdate } from "../../testing/raw-http2/frames.ts";
import { errorCodeOf } from "../../testing/raw-http2/received-frame.ts";
import { head, headAnd, messageOf, open, request, unary } from "../conformance/texts.ts";
import { attack } from "./attack-harness.ts";
import { asks } from "./attacked-service.ts";

const burst = 40;
const patient = { pingMinIntervalMs: 0, pingMinIntervalBusyMs: 0 };
const limits = { resetBurst: burst, resetsPerSecond: 10, concurrentStreams: 20, ...patient };

/** Stream ids, as many as the burst lets pass and one that it does not. */
const streams = Array.from({ length: burst + 1 }, (_, index) => 2 * index + 1);

describe("rapid reset, CVE-2023-44487", () => {
  attack("a caller that opens calls to reset them is asked to be calm", { limits }, async (harness) => {
    const client = await harness.client();
    client.write(...streams.flatMap((stream) => [unary(stream, asks.wait), rstStream(stream)]));
    await harness.ends(client, "ENHANCE_YOUR_CALM", "resetBurst");
    // Fewer than the burst: those beyond the open streams are refused, which counts as well.
    assert.ok(harness.server.metrics().resetsReceived <= burst);
    assert.ok(harness.service.atWorkMax <= limits.concurrentStreams);
  });

  attack("resets of a stream that is no more count as well", { limits }, async (harness) => {
    const client = await harness.client();
    client.write(unary(1, "a"), ...Array(burst + 1).fill(rstStream(1)));
    await harness.ends(client, "ENHANCE_YOUR_CALM", "resetBurst");
  });

  attack("handlers that still run after a reset count as open streams", { limits }, async (harness) => {
    const client = await harness.client();
    const held = streams.slice(0, limits.concurrentStreams);
    client.write(...held.flatMap((stream) => [unary(stream, asks.hold), rstStream(stream)]));
    client.write(unary(1_001, "one too many"));
    const refused = await client.next("RST_STREAM", { stream: 1_001 });
    assert.equal(errorCodeOf(refused), "REFUSED_STREAM");
    assert.equal(harness.service.atWork, limits.concurrentStreams);
    assert.equal(harness.hits("concurrentStreams"), 1);

    harness.service.release();
    await waitUntil(() => harness.server.metrics().streams === 0, { what: "the handlers are done" });
    client.write(unary(1_003, "again"));
    assert.equal((await readAnswer(client, 1_003)).fields.get("grpc-status"), "0");
  });

  const many = { resetBurst: 20_000, pingMinIntervalBusyMs: 0, pingMinIntervalMs: 0 };
  attack("calls that were reset keep nothing of what they brought", { limits: many }, async (harness) => {
    const client = await harness.client();
    const fields = fieldBlock(headAnd("x-much", "m".repeat(5_000)));
    for (let stream = 1; stream < 10_000; stream += 2) {
      client.write(headers(stream, fields), data(stream, "0000", {}), rstStream(stream));
      if (stream % 200 === 1) await client.roundTrip();
    }
    await client.roundTrip();
    assert.equal(harness.server.metrics().resetsReceived, 5_000);
    assert.ok(harness.heldBytes() < 5 * 2 ** 20, "much less than the 25 MB that came");
  });

  attack("a caller that cancels at a human pace may go on for ever", { limits }, async (harness) => {
    const client = await harness.client();
    for (let stream = 1; stream < 8 * burst; stream += 2) {
      client.write(unary(stream, asks.wait), rstStream(stream));
      if (stream % 20 === 1) {
        await client.roundTrip();
        await harness.clock.advance(1_000);
      }
    }
    client.write(unary(1_001, "still here"));
    assert.equal((await readAnswer(client, 1_001)).fields.get("grpc-status"), "0");
    assert.equal(harness.hits("resetBurst"), 0);
  });
});

describe("windows that are not kept", () => {
  const large = { streamWindowBytes: 1_000_000, connectionWindowBytes: 65_535 };
  attack(
    "more than the connection's window, on streams that nobody reads, ends it",
    { limits: large },
    async (harness) => {
      const client = await harness.client();
      client.write(open(1, "Upload"), request(1, asks.wait), request(1, "more"));
      for (let count = 0; count < 5; count++) client.write(data(1, Buffer.alloc(16_384)));
      await harness.ends(client, "FLOW_CONTROL_ERROR", "connectionWindowBytes");
    },
  );

  attack(
    "more than a stream's window ends that stream alone",
    { limits: { streamWindowBytes: 1_500 } },
    async (harness) => {
      const client = await harness.client();
      client.write(open(1, "Upload"), request(1, asks.wait), request(1, "more"), data(1, Buffer.alloc(1_500)));
      assert.equal(errorCodeOf(await client.next("RST_STREAM", { stream: 1 })), "FLOW_CONTROL_ERROR");
      assert.equal(harness.hits("streamWindowBytes"), 1);
      client.write(unary(3, "and then?"));
      assert.equal((await readAnswer(client, 3)).fields.get("grpc-status"), "0");
    },
  );
});

describe("resets that the caller provokes, CVE-2025-8671 (MadeYouReset)", () => {
  const waiting = (stream: number) => [open(stream, "Upload"), request(stream, asks.wait)];
  const provocations: Record<string, (stream: number) => readonly Uint8Array[]> = {
    "WINDOW_UPDATE by nothing": (stream) => [...waiting(stream), windowUpdate(stream, 0)],
    "a window above 2^31-1": (stream) => [...waiting(stream), windowUpdate(stream, 2 ** 31 - 1)],
    "DATA after END_STREAM": (stream) => [unary(stream, asks.wait), data(stream, "more")],
    "HEADERS after END_STREAM": (stream) => [unary(stream, asks.wait), headers(stream, fieldBlock([]), { end: true })],
    "trailers that do not end the stream": (stream) => [...waiting(stream), headers(stream, fieldBlock([["a", "b"]]))],
    "pseudo-fields in trailers": (stream) => [
      ...waiting(stream),
      headers(stream, fieldBlock([[":path", "/"]]), { end: true }),
    ],
    "more DATA than content-length": (stream) => [
      headers(stream, fieldBlock(headAnd("content-length", "1"))),
      data(stream, messageOf(asks.wait)),
    ],
    "less DATA than content-length": (stream) => [
      headers(stream, fieldBlock(headAnd("content-length", "100"))),
      data(stream, messageOf(asks.wait), { end: true }),
    ],
    "more DATA than the stream's window": (stream) => [
      open(stream, "Upload"),
      request(stream, asks.wait),
      data(stream, Buffer.alloc(1_000)),
      data(stream, Buffer.alloc(1_000)),
    ],
    "a malformed request": (stream) => [headers(stream, fieldBlock([...head(), ["Upper", "case"]]), { end: true })],
  };
  for (const [title, provoke] of Object.entries(provocations)) {
    attack(`${title}, again and again`, { limits: { ...limits, streamWindowBytes: 1_500 } }, async (harness) => {
      const client = await harness.client();
      client.write(...streams.flatMap(provoke));
      await harness.ends(client, "ENHANCE_YOUR_CALM", "resetBurst");
      assert.ok(harness.service.atWorkMax <= limits.concurrentStreams, "no more handlers than streams");
      assert.equal(client.received.filter(({ type }) => type === "RST_STREAM").length, burst + 1);
    });
  }

  attack(
    "PRIORITY of another size, again and again",
    { limits: { ...limits, concurrentStreams: 100 } },
    async (harness) => {
      const client = await harness.client();
      client.write(...streams.flatMap((stream) => [...waiting(stream), frame("PRIORITY", 0, stream, "1234")]));
      await harness.ends(client, "ENHANCE_YOUR_CALM", "resetBurst");
    },
  );

  attack("streams beyond the limit, again and again", { limits }, async (harness) => {
    const client = await harness.client();
    const held = streams.slice(0, limits.concurrentStreams);
    client.write(...held.map((stream) => unary(stream, asks.hold)));
    client.write(...streams.map((stream) => unary(1_000 + stream, asks.hold)));
    await harness.ends(client, "ENHANCE_YOUR_CALM", "resetBurst");
    assert.equal(harness.service.started, limits.concurrentStreams);
    assert.equal(harness.hits("concurrentStreams"), burst + 1);
  });
});
