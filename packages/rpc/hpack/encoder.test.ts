import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { encodeStateless, type HeaderPair } from "./encoder.ts";
import { decodeBlock, dynamicTableOf, hex, newDecoder } from "./testing/decoding.ts";
import { HpackEncoder } from "./testing/hpack-encoder.ts";

describe("blocks without a table", () => {
  test("name what the static table has, and spell the rest out", () => {
    assert.deepEqual(encodeStateless([[":status", "200"]]), hex("88"));
    assert.deepEqual(encodeStateless([[":status", "201"]]), hex("08 82 1003"));
    // content-type is at 31, one octet more than a prefix of four bits takes.
    assert.deepEqual(encodeStateless([["content-type", "~"]]), hex("0f10 01 7e"));
    assert.deepEqual(encodeStateless([["x", "0"]]), hex("00 01 78 01 30"));
    assert.deepEqual(encodeStateless([["x", "000"]]), hex("00 01 78 82 0001"));
  });

  test("can be read on any connection at any time, and leave no trace", () => {
    const fields: HeaderPair[] = [
      [":status", "200"],
      ["content-type", "application/grpc"],
      ["grpc-status", "0"],
    ];
    const block = encodeStateless(fields);
    const decoder = newDecoder();
    for (let time = 0; time < 3; time++) {
      assert.deepEqual(decodeBlock(decoder, block).pairs, fields);
      decodeBlock(decoder, "400161 0162");
    }
    assert.equal(dynamicTableOf(decoder).length, 3);
  });

  test("mark what is sensitive as never to be indexed", () => {
    assert.equal(encodeStateless([["authorization", "Bearer x"]])[0], 0x1f);
    assert.equal(encodeStateless([["set-cookie", "x"]])[0], 0x1f);
    assert.equal(encodeStateless([["x-api-key", "x"]], { sensitive: new Set(["x-api-key"]) })[0], 0x10);
    assert.equal(encodeStateless([["authorization", ""]])[0], 0x1f); // though the static table has it so
  });

  test("may be of any length", () => {
    const fields = Array.from({ length: 300 }, (_, i): HeaderPair => [`name-${i}`, "value ".repeat(i)]);
    const block = encodeStateless(fields);
    assert.deepEqual(decodeBlock(newDecoder({ listMaxBytes: 2 ** 20 }), block).pairs, fields);
  });

  test("take no text that is not bytes", () => {
    assert.throws(() => encodeStateless([["name", "käse €"]]), {
      name: "RangeError",
      message: /^"€" at 5 is not a byte/,
    });
  });
});

describe("blocks with a table", () => {
  test("name a field by its index from the second time on", () => {
    const encoder = new HpackEncoder();
    encoder.encode([
      ["a", "1"],
      ["b", "2"],
    ]);
    assert.deepEqual(
      encoder.encode([
        ["a", "1"],
        ["b", "2"],
        ["a", "1"],
      ]),
      hex("bf be bf"),
    );
  });

  test("spell a field out again once it was evicted", () => {
    const encoder = new HpackEncoder();
    const decoder = newDecoder();
    for (let i = 0; i < 1000; i++) {
      const fields: HeaderPair[] = [
        ["first", "1"],
        [`name-${i % 110}`, `${i}`],
      ];
      assert.deepEqual(decodeBlock(decoder, encoder.encode(fields)).pairs, fields);
    }
  });

  test("leave out of the table what would fill most of it", () => {
    const encoder = new HpackEncoder();
    encoder.encode([["a", "1"]]);
    encoder.encode([["large", "v".repeat(2048)]]);
    assert.deepEqual(encoder.encode([["a", "1"]]), hex("be"));
  });

  test("never put into a table what is sensitive", () => {
    const encoder = new HpackEncoder();
    const decoder = newDecoder();
    for (let time = 0; time < 2; time++) {
      const block = encoder.encode(
        [
          ["authorization", "Bearer x"],
          ["x-api-key", "y"],
        ],
        {
          sensitive: new Set(["authorization", "x-api-key"]),
        },
      );
      assert.equal(block[0], 0x1f);
      assert.deepEqual(decodeBlock(decoder, block).pairs, [
        ["authorization", "Bearer x"],
        ["x-api-key", "y"],
      ]);
      assert.deepEqual(dynamicTableOf(decoder), []);
    }
  });
});

describe("the peer's table size", () => {
  test("is announced when it is smaller, and kept to", () => {
    const encoder = new HpackEncoder();
    encoder.setTableMaxBytes(100);
    const decoder = newDecoder({ tableMaxBytes: 100 });
    decoder.settingsAcknowledged();
    for (let i = 0; i < 20; i++) {
      const fields: HeaderPair[] = [
        ["a", "1"],
        ["b", `${i}`],
        ["c", "v".repeat(80)],
      ];
      assert.deepEqual(decodeBlock(decoder, encoder.encode(fields)).pairs, fields);
    }
  });

  test("of nothing keeps everything out of the table", () => {
    const encoder = new HpackEncoder();
    encoder.setTableMaxBytes(0);
    assert.deepEqual(encoder.encode([["a", "1"]]), hex("20 00 01 61 01 31"));
    assert.deepEqual(encoder.encode([["a", "1"]]), hex("00 01 61 01 31"));
  });

  test("that was smaller for a while is announced, too: the peer has evicted then", () => {
    const encoder = new HpackEncoder();
    encoder.encode([["a", "1"]]);
    encoder.setTableMaxBytes(0);
    encoder.setTableMaxBytes(4096);
    assert.deepEqual(encoder.encode([["a", "1"]]), hex("20 3fe11f 40 01 61 01 31"));
    assert.deepEqual(encoder.encode([["a", "1"]]), hex("be"));
  });

  test("of more than we use changes nothing", () => {
    const encoder = new HpackEncoder();
    encoder.setTableMaxBytes(2 ** 32 - 1);
    assert.deepEqual(encoder.encode([[":status", "200"]]), hex("88"));
  });
});
