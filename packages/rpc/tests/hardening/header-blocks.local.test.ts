import assert from "node:assert/strict";
import { describe } from "node:test";
import { readAnswer } from "../../testing/raw-http2/answer.ts";
import { fieldBlock, indexed, literal } from "../../testing/raw-http2/field-block.ts";
import { continuation, headers } from "../../testing/raw-http2/frames.ts";
import type { RawHttp2Client } from "../../testing/raw-http2/raw-http2-client.ts";
import { errorCodeOf } from "../../testing/raw-http2/received-frame.ts";
import { head, headAnd, headWithout, open, request, unary } from "../conformance/texts.ts";
import { type AttackHarness, attack } from "./attack-harness.ts";

const frameMaxBytes = 16_384;

describe("CONTINUATION flood, CVE-2024-27316", () => {
  const begun = headers(1, fieldBlock(head()), { endHeaders: false });
  const fragments: Record<string, Buffer> = {
    "of nothing": continuation(1, "", false),
    "of a byte": continuation(1, Buffer.of(0x82), false),
    "as long as they can be": continuation(1, Buffer.alloc(16_384, indexed(2)), false),
  };
  for (const [title, fragment] of Object.entries(fragments)) {
    attack(`frames ${title} that never end a block`, {}, async (harness) => {
      const client = await harness.client();
      client.write(begun, ...Array(100).fill(fragment));
      await harness.ends(
        client,
        "ENHANCE_YOUR_CALM",
        fragment.length > 1_000 ? "headerBlockMaxBytes" : "headerFramesMax",
      );
    });
  }
});

describe("fields that are too many, or become too many", () => {
  attack("a list beyond the limit is RESOURCE_EXHAUSTED, and the connection goes on", {}, async (harness) => {
    const client = await harness.client();
    client.write(headers(1, fieldBlock(headAnd("x-long", "v".repeat(16_200))), { end: true }));
    await isExhausted(harness, client, 1);
    await isServed(client, 3);
  });

  for (const indexing of ["without indexing", "never indexed", "incremental"] as const) {
    for (const huffman of [false, true]) {
      const how = `${indexing}, ${huffman ? "Huffman-coded" : "plain"}`;
      attack(`a call with far too much is refused alone: 40 KB and 240 KB of it, ${how}`, {}, async (harness) => {
        const client = await harness.client();
        client.write(open(1));
        const kept = literal("incremental", "content-type", "application/grpc");
        for (const [index, bytes] of [40_000, 240_000].entries()) {
          const large = literal(indexing, "x-large", "v".repeat(bytes), { huffman });
          client.write(...block(3 + 2 * index, Buffer.concat([fieldBlock(head()), large, kept])));
          const { fields } = await readAnswer(client, 3 + 2 * index);
          assert.equal(fields.get("grpc-status"), "8");
          assert.match(fields.get("grpc-message") ?? "", /fields are larger than the limit of 16384 bytes/);
        }
        // What follows the large field is in the table, and the calls beside it know nothing of all this.
        client.write(
          request(1, "a", { end: true }),
          headers(9, Buffer.concat([fieldBlock(headWithout("content-type")), indexed(62)])),
          request(9, "a", { end: true }),
        );
        assert.equal((await readAnswer(client, 1)).fields.get("grpc-status"), "0");
        assert.equal((await readAnswer(client, 9)).fields.get("grpc-status"), "0");
      });
    }
  }

  attack("many fields in many frames are refused alone", {}, async (harness) => {
    const client = await harness.client();
    client.write(open(1));
    const many = Array.from({ length: 2_000 }, (_, index) => [`x-${index}`, "v".repeat(40)] as const);
    client.write(...block(3, fieldBlock([...head(), ...many])));
    assert.equal((await readAnswer(client, 3)).fields.get("grpc-status"), "8");
    client.write(request(1, "a", { end: true }));
    assert.equal((await readAnswer(client, 1)).fields.get("grpc-status"), "0");
  });

  attack("HPACK bomb: one large field, sixteen thousand times", {}, async (harness) => {
    const client = await harness.client();
    const seed = [fieldBlock(head()), literal("incremental", "x-large", "v".repeat(4_000))];
    client.write(headers(1, Buffer.concat([...seed, Buffer.alloc(12_000, indexed(62))]), { end: true }));
    await isExhausted(harness, client, 1);
    for (let stream = 3; stream < 100; stream += 2) {
      client.write(headers(stream, Buffer.alloc(16_384, indexed(62)), { end: true }));
      await isExhausted(harness, client, stream);
    }
    await isServed(client, 101);
  });

  attack("a table that is filled again and again holds its 4 KB", {}, async (harness) => {
    const client = await harness.client();
    for (let stream = 1; stream < 400; stream += 2) {
      const name = (index: number) => `x-${stream}-${index}`;
      const block = Array.from({ length: 200 }, (_, index) => literal("incremental", name(index), "v".repeat(40)));
      client.write(headers(stream, Buffer.concat([fieldBlock(head()), ...block]), { end: true }));
      await client.next("HEADERS", { stream });
    }
    // The client's own memories do not count.
    client.received.length = 0;
    assert.ok(harness.heldBytes() < 3 * 2 ** 20, "less than what came");
    // 4,096 bytes are room for less than fifty of these.
    client.write(headers(401, Buffer.concat([fieldBlock(head()), indexed(62 + 50)]), { end: true }));
    assert.equal(errorCodeOf(await client.next("GOAWAY")), "COMPRESSION_ERROR");
  });

  attack("fields of a byte each are held for open calls alone", { memoryMaxBytes: 8 * 2 ** 20 }, async (harness) => {
    const client = await harness.client();
    const tiny = Buffer.concat(Array.from({ length: 300 }, () => literal("without indexing", "x", "")));
    for (let stream = 1; stream < 4_000; stream += 2) {
      client.write(headers(stream, Buffer.concat([fieldBlock(head()), tiny]), { end: true }));
      if (stream % 200 === 1) await client.nextOf(["HEADERS"], { stream });
    }
    await client.nextOf(["HEADERS"], { stream: 3_999 });
    client.received.length = 0;
  });

  attack("trailers beyond the limit keep nothing", {}, async (harness) => {
    const client = await harness.client();
    client.write(
      headers(1, fieldBlock(head("Upload"))),
      headers(1, fieldBlock([["x", "v".repeat(16_300)]]), { end: true }),
    );
    assert.equal((await readAnswer(client, 1)).fields.get("grpc-status"), "0");
    await isServed(client, 3);
  });
});

/** A request of nothing but a block of fields, in as few frames as it takes. */
function block(stream: number, bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length || at === 0; at += frameMaxBytes) {
    const part = bytes.subarray(at, at + frameMaxBytes);
    const isLast = at + frameMaxBytes >= bytes.length;
    frames.push(
      at === 0 ? headers(stream, part, { endHeaders: isLast, end: true }) : continuation(stream, part, isLast),
    );
  }
  return frames;
}

async function isExhausted(harness: AttackHarness, client: RawHttp2Client, stream: number): Promise<void> {
  const { fields } = await readAnswer(client, stream);
  assert.equal(fields.get("grpc-status"), "8");
  assert.equal(harness.hits("headerListMaxBytes"), (stream + 1) / 2, "each is counted");
}

async function isServed(client: RawHttp2Client, stream: number): Promise<void> {
  client.write(unary(stream, "and then?"));
  assert.equal((await readAnswer(client, stream)).fields.get("grpc-status"), "0");
}
