import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { compressionsAlgorithms } from "@platformatic/kafka";
import { decompress } from "./decompress.ts";

const codecs = ["gzip", "snappy", "lz4", "zstd"] as const;
const compress = (codec: (typeof codecs)[number], content: Buffer): Buffer =>
  compressionsAlgorithms[codec].compressSync(content);
const numberOf = (codec: (typeof codecs)[number]): number => compressionsAlgorithms[codec].bitmask;

/** Compressible, and nowhere a run of the same bytes. */
const text = Buffer.from(Array.from({ length: 5_000 }, (_, index) => `{"user_id":"user-${index * 7919}"}`).join("\n"));
const samples = [Buffer.from("xy"), text, Buffer.alloc(300_000), Buffer.alloc(100_000, "abcdefgh")];

for (const codec of codecs) {
  describe(codec, () => {
    test("gives back what was compressed, up to the limit and no byte beyond", () => {
      for (const sample of samples) {
        const content = compress(codec, sample);
        assert.deepEqual(decompress(numberOf(codec), content, sample.length), sample);
        assert.throws(() => decompress(numberOf(codec), content, sample.length - 1), {
          name: "TooLarge",
          message: `becomes more than ${sample.length - 1} bytes when it is decompressed`,
        });
      }
    });

    test("a small content that becomes a large one takes no memory for it", () => {
      const content = compress(codec, Buffer.alloc(64 * 1024 * 1024));
      const before = process.memoryUsage().rss;
      assert.throws(() => decompress(numberOf(codec), content, 1024 * 1024), { name: "TooLarge" });
      assert.ok(process.memoryUsage().rss - before < 32 * 1024 * 1024);
    });

    test("what was not compressed like this is an error", () => {
      for (const rubbish of [Buffer.alloc(0), Buffer.from("rubbish, and more of it"), Buffer.alloc(40, 0xff)]) {
        assert.throws(() => decompress(numberOf(codec), rubbish, 1_000_000));
      }
      const cut = compress(codec, text);
      assert.throws(() => decompress(numberOf(codec), cut.subarray(0, cut.length >> 1), 1_000_000));
    });
  });
}

test("snappy in the frame of Java's producers is bounded too", () => {
  const header = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
  const block = compress("snappy", text);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(block.length);
  const framed = Buffer.concat([header, length, block, length, block]);
  assert.deepEqual(decompress(numberOf("snappy"), framed, 2 * text.length), Buffer.concat([text, text]));
  assert.throws(() => decompress(numberOf("snappy"), framed, 2 * text.length - 1), { name: "TooLarge" });
});

test("a second frame of lz4, which nobody counted, is not decompressed", () => {
  const frame = compress("lz4", text);
  assert.throws(() => decompress(numberOf("lz4"), Buffer.concat([frame, frame]), text.length), /more than one frame/);
});

test("what is not compressed stays as it is, and a codec that nobody knows is an error", () => {
  assert.equal(decompress(0, text, 1), text);
  assert.throws(() => decompress(5, gzipSync(text), 1_000_000), /codec 5 is none of Kafka's/);
});
