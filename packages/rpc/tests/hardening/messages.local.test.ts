import assert from "node:assert/strict";
import { describe } from "node:test";
import { gzipSync } from "node:zlib";
import { framed } from "../../testing/raw-call.ts";
import { readAnswer } from "../../testing/raw-http2/answer.ts";
import { type Field, fieldBlock } from "../../testing/raw-http2/field-block.ts";
import { data, headers, rstStream } from "../../testing/raw-http2/frames.ts";
import type { RawHttp2Client } from "../../testing/raw-http2/raw-http2-client.ts";
import { head, headAnd, headWith, open, request, unary } from "../conformance/texts.ts";
import { attack } from "./attack-harness.ts";
import { asks } from "./attacked-service.ts";

const mib = 2 ** 20;
const methods = ["Unary", "Upload"] as const;

describe("lengths that lie", () => {
  for (const method of methods) {
    attack(`${method}: a message that says it has 4 GB is RESOURCE_EXHAUSTED at once`, {}, async (harness) => {
      const client = await harness.client();
      client.write(open(1, method), data(1, Buffer.from("00ffffffff", "hex")));
      await endsWith(client, 1, "8");
      assert.equal(harness.hits("messageMaxBytes"), 1);
      await isServed(client, 3);
    });

    attack(`${method}: messages of 4 MiB that never come take the memory of what came`, {}, async (harness) => {
      const client = await harness.client();
      for (let stream = 1; stream < 400; stream += 2) {
        client.write(open(stream, method), data(stream, Buffer.from("00003fffff", "hex")), data(stream, "some"));
      }
      await client.roundTrip();
      assert.equal(harness.server.metrics().streams, 200);
      await isServed(client, 401);
      assert.ok(harness.heldBytes() < 3 * mib);
    });

    attack(`${method}: a request that ends within its message is INTERNAL`, {}, async (harness) => {
      const client = await harness.client();
      client.write(open(1, method), data(1, Buffer.from("0000000100ff", "hex"), { end: true }));
      await endsWith(client, 1, "13");
      await isServed(client, 3);
    });
  }
});

describe("requests that are never complete", () => {
  const limits = { incompleteMaxBytes: mib };
  for (const method of methods) {
    attack(`${method}: those beyond the limit of a connection are RESOURCE_EXHAUSTED`, { limits }, async (harness) => {
      const client = await harness.client();
      const begun = [data(1, Buffer.from("00003fffff", "hex")), ...Array(16).fill(data(1, Buffer.alloc(16_000)))];
      const streams = [1, 3, 5, 7];
      for (const stream of streams)
        client.write(open(stream, method), ...begun.map((bytes) => onStream(bytes, stream)));
      await client.next("WINDOW_UPDATE", { stream: 7 });
      client.write(open(9, method), ...begun.map((bytes) => onStream(bytes, 9)));
      await endsWith(client, 9, "8");
      await client.next("RST_STREAM", { stream: 9 });
      assert.ok(harness.hits("incompleteMaxBytes") >= 1, "it is counted");
      assert.equal(harness.server.metrics().streams, 4);

      client.write(...streams.map((stream) => rstStream(stream)));
      client.write(open(11, method), ...begun.map((bytes) => onStream(bytes, 11)));
      await client.next("WINDOW_UPDATE", { stream: 11 });
    });
  }

  attack("a message that is complete, and whose request does not end, is one of them", { limits }, async (harness) => {
    const client = await harness.client();
    const large = framed(Buffer.alloc(200_000));
    for (const stream of [1, 3, 5, 7, 9, 11]) {
      client.write(open(stream, "Unary"));
      for (let at = 0; at < large.length; at += 16_384) client.write(data(stream, large.subarray(at, at + 16_384)));
    }
    await endsWith(client, 11, "8");
    assert.equal(harness.server.metrics().streams, 5);
  });
});

/** The same frame on another stream. */
function onStream(bytes: Buffer, stream: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt32BE(stream, 5);
  return copy;
}

describe("messages in crumbs", () => {
  attack(
    "a message of a byte a frame takes no more memory than its bytes",
    { limits: { pingMinIntervalBusyMs: 0 } },
    async (harness) => {
      const client = await harness.client();
      const crumbs = Buffer.concat(Array(1_000).fill(data(1, "x")));
      client.write(open(1, "Upload"), data(1, Buffer.from("0000100000", "hex")));
      for (let count = 0; count < 200; count++) {
        client.write(crumbs);
        if (count % 10 === 9) await client.roundTrip();
      }
      assert.ok(harness.heldBytes() < 4 * mib, "far less than an object for each of 200,000 bytes");
      await isServed(client, 3);
    },
  );

  attack("messages of nothing wait for their handler as the bytes they are", {}, async (harness) => {
    const client = await harness.client();
    const nothing = Buffer.concat(Array(3_000).fill(framed(Buffer.alloc(0))));
    client.write(open(1), request(1, asks.wait));
    for (let count = 0; count < 17; count++) client.write(data(1, nothing));
    await client.roundTrip();
    assert.ok(harness.heldBytes() < 2 * mib, `${harness.heldBytes()} bytes for ${17 * nothing.length}`);
    client.write(rstStream(1));
    await isServed(client, 3);
  });
});

describe("decompression bombs", () => {
  const bomb = framed(gzipSync(Buffer.alloc(64 * mib)), true);
  const gzip: Field = ["grpc-encoding", "gzip"];

  for (const method of methods) {
    attack(`${method}: 64 MiB in ${bomb.length} bytes are RESOURCE_EXHAUSTED`, {}, async (harness) => {
      const client = await harness.client();
      client.write(headers(1, fieldBlock([...head(method), gzip])));
      for (let at = 0; at < bomb.length; at += 16_384) client.write(data(1, bomb.subarray(at, at + 16_384)));
      client.write(data(1, "", { end: true }));
      await endsWith(client, 1, "8");
      assert.equal(harness.hits("messageMaxBytes"), 1);
      await isServed(client, 3);
    });
  }

  attack("Chat: a bomb after a message in good order", { memoryMaxBytes: 5 * mib }, async (harness) => {
    const client = await harness.client();
    client.write(headers(1, fieldBlock([...head("Chat"), gzip])), request(1, "first"));
    await client.next("DATA", { stream: 1 });
    for (let at = 0; at < bomb.length; at += 16_384) client.write(data(1, bomb.subarray(at, at + 16_384)));
    await endsWith(client, 1, "8");
    await isServed(client, 3);
  });

  attack("what says it is compressed, and is not, is INTERNAL", {}, async (harness) => {
    const client = await harness.client();
    client.write(
      headers(1, fieldBlock([...head(), gzip])),
      data(1, framed(Buffer.from("not gzip"), true), { end: true }),
    );
    await endsWith(client, 1, "13");
    client.write(open(3, "Unary"), data(3, framed(gzipSync("x"), true), { end: true }));
    await endsWith(client, 3, "13");
  });
});

describe("other values that are too large", () => {
  attack("a grpc-timeout of eleven thousand years is a long time", {}, async (harness) => {
    const client = await harness.client();
    client.write(unary(1, "a", headAnd("grpc-timeout", "99999999H")));
    await endsWith(client, 1, "0");
  });

  attack("a path of many kilobytes is not said back", {}, async (harness) => {
    const client = await harness.client();
    client.write(headers(1, fieldBlock(headWith(":path", `/${"~".repeat(15_000)}`)), { end: true }));
    const { payload } = await client.next("HEADERS", { stream: 1 });
    assert.ok(payload.length < 500, `an answer of ${payload.length} bytes`);
  });

  attack("the last stream number there is", {}, async (harness) => {
    const client = await harness.client();
    client.write(unary(2 ** 31 - 1, "a"));
    await endsWith(client, 2 ** 31 - 1, "0");
    client.write(unary(2 ** 31 - 1, "once more"));
    await client.next("GOAWAY");
    await client.untilClosed();
  });
});

async function endsWith(client: RawHttp2Client, stream: number, status: string): Promise<void> {
  const { fields } = await readAnswer(client, stream);
  assert.equal(fields.get("grpc-status"), status, fields.get("grpc-message"));
}

async function isServed(client: RawHttp2Client, stream: number): Promise<void> {
  client.write(unary(stream, "and then?"));
  for (;;) {
    const frame = await client.nextOf(["HEADERS", "RST_STREAM"]);
    if (frame.stream !== stream) continue;
    assert.equal(frame.type, "HEADERS");
    return;
  }
}
