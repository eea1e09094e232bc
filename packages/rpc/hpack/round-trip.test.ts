import assert from "node:assert/strict";
import { test } from "node:test";
import { seed } from "@realchat/presence-testing";
import fc from "fast-check";
import { encodeStateless, type HeaderPair } from "./encoder.ts";
import { staticTable } from "./static-table.ts";
import { decodeBlock, newDecoder } from "./testing/decoding.ts";
import { HpackEncoder } from "./testing/hpack-encoder.ts";

/** What the encoder writes, the decoder reads, whatever the texts, the tables' sizes and the order of the blocks. */

const bytes = fc.uint8Array({ maxLength: 300 }).map((octets) => Buffer.from(octets).toString("latin1"));
const word = fc.constantFrom("grpc-timeout", "te", "x-request-id", "user-agent", "a", "");
const text = fc.oneof(word, fc.string({ maxLength: 40, unit: "binary-ascii" }), bytes);
const pair: fc.Arbitrary<HeaderPair> = fc.oneof(
  fc.constantFrom(...staticTable),
  fc.tuple(
    fc.constantFrom(...staticTable).map(([name]) => name),
    text,
  ),
  fc.tuple(text, text),
);
const block = fc.record({
  fields: fc.array(pair, { maxLength: 12 }),
  tableMaxBytes: fc.option(fc.oneof(fc.constantFrom(0, 4096), fc.nat(5000)), { nil: undefined, freq: 4 }),
});

test("blocks that share a table", () => {
  fc.assert(
    fc.property(fc.array(block, { maxLength: 12 }), (blocks) => {
      const encoder = new HpackEncoder();
      const decoder = newDecoder({ listMaxBytes: 2 ** 20 });
      for (const { fields, tableMaxBytes } of blocks) {
        if (tableMaxBytes !== undefined) encoder.setTableMaxBytes(tableMaxBytes);
        assert.deepEqual(decodeBlock(decoder, encoder.encode(fields)).pairs, fields);
      }
    }),
    { seed: seed(), numRuns: 200 },
  );
});

test("blocks without a table", () => {
  fc.assert(
    fc.property(fc.array(pair, { maxLength: 12 }), (fields) => {
      const decoded = decodeBlock(newDecoder({ listMaxBytes: 2 ** 20 }), encodeStateless(fields));
      assert.deepEqual(decoded.pairs, fields);
    }),
    { seed: seed(), numRuns: 200 },
  );
});
