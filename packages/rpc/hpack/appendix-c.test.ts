import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { HeaderPair } from "./encoder.ts";
import { decodeBlock, dynamicTableOf, hex, newDecoder } from "./testing/decoding.ts";
import { HpackEncoder } from "./testing/hpack-encoder.ts";

/** The examples of RFC 7541, Appendix C; those of C.1 are in integers.test.ts. */

interface Example {
  readonly block: string;
  readonly fields: readonly HeaderPair[];
  /** The dynamic table afterwards, newest first, and its size. */
  readonly table: readonly HeaderPair[];
  readonly tableBytes: number;
}

const single: Record<string, Example> = {
  "C.2.1 literal with indexing": {
    block: "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
    fields: [["custom-key", "custom-header"]],
    table: [["custom-key", "custom-header"]],
    tableBytes: 55,
  },
  "C.2.2 literal without indexing": {
    block: "040c 2f73 616d 706c 652f 7061 7468",
    fields: [[":path", "/sample/path"]],
    table: [],
    tableBytes: 0,
  },
  "C.2.3 literal never indexed": {
    block: "1008 7061 7373 776f 7264 0673 6563 7265 74",
    fields: [["password", "secret"]],
    table: [],
    tableBytes: 0,
  },
  "C.2.4 indexed": { block: "82", fields: [[":method", "GET"]], table: [], tableBytes: 0 },
};

const authority: HeaderPair = [":authority", "www.example.com"];
const noCache: HeaderPair = ["cache-control", "no-cache"];
const custom: HeaderPair = ["custom-key", "custom-value"];

function requests(blocks: readonly [string, string, string]): readonly Example[] {
  return [
    {
      block: blocks[0],
      fields: [[":method", "GET"], [":scheme", "http"], [":path", "/"], authority],
      table: [authority],
      tableBytes: 57,
    },
    {
      block: blocks[1],
      fields: [[":method", "GET"], [":scheme", "http"], [":path", "/"], authority, noCache],
      table: [noCache, authority],
      tableBytes: 110,
    },
    {
      block: blocks[2],
      fields: [[":method", "GET"], [":scheme", "https"], [":path", "/index.html"], authority, custom],
      table: [custom, noCache, authority],
      tableBytes: 164,
    },
  ];
}

const isPrivate: HeaderPair = ["cache-control", "private"];
const location: HeaderPair = ["location", "https://www.example.com"];
const date21: HeaderPair = ["date", "Mon, 21 Oct 2013 20:13:21 GMT"];
const date22: HeaderPair = ["date", "Mon, 21 Oct 2013 20:13:22 GMT"];
const gzip: HeaderPair = ["content-encoding", "gzip"];
const cookie: HeaderPair = ["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"];

/** Their table has 256 bytes. */
function responses(blocks: readonly [string, string, string]): readonly Example[] {
  return [
    {
      block: blocks[0],
      fields: [[":status", "302"], isPrivate, date21, location],
      table: [location, date21, isPrivate, [":status", "302"]],
      tableBytes: 222,
    },
    {
      block: blocks[1],
      fields: [[":status", "307"], isPrivate, date21, location],
      table: [[":status", "307"], location, date21, isPrivate],
      tableBytes: 222,
    },
    {
      block: blocks[2],
      fields: [[":status", "200"], isPrivate, date22, location, gzip, cookie],
      table: [cookie, gzip, date22],
      tableBytes: 215,
    },
  ];
}

const plainRequests = requests([
  "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
  "8286 84be 5808 6e6f 2d63 6163 6865",
  "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
]);

const codedRequests = requests([
  "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
  "8286 84be 5886 a8eb 1064 9cbf",
  "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
]);

const plainResponses = responses([
  `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e
   1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
  "4803 3330 37c1 c0bf",
  `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d
   4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572
   7369 6f6e 3d31`,
]);

const codedResponses = responses([
  `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b
   97c8 e9ae 82ae 43d3`,
  "4883 640e ffc1 c0bf",
  `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf
   cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
]);

describe("decoder", () => {
  for (const [name, example] of Object.entries(single)) test(name, () => decodesAll([example], 4096));
  test("C.3 requests without Huffman code", () => decodesAll(plainRequests, 4096));
  test("C.4 requests with Huffman code", () => decodesAll(codedRequests, 4096));
  test("C.5 responses without Huffman code, with evictions", () => decodesAll(plainResponses, 256));
  test("C.6 responses with Huffman code, with evictions", () => decodesAll(codedResponses, 256));
});

describe("encoder", () => {
  test("C.4 requests", () => encodesAll(codedRequests, new HpackEncoder()));
  test("C.6 responses, after the announcement of their table's size", () => {
    const encoder = new HpackEncoder();
    encoder.setTableMaxBytes(256);
    assert.deepEqual(encoder.encode([]), resizeTo256);
    // The code does not make "307" shorter, so that we leave it plain, as C.5.2 does.
    encodesAll(codedResponses.with(1, plainResponses[1] as Example), encoder);
  });
});

/** A dynamic table size update, RFC 7541 §6.3. */
const resizeTo256 = hex("3fe101");

function decodesAll(examples: readonly Example[], tableMaxBytes: 256 | 4096): void {
  const decoder = newDecoder();
  if (tableMaxBytes === 256) decodeBlock(decoder, resizeTo256);
  for (const { block, fields, table, tableBytes } of examples) {
    const { pairs, listBytes } = decodeBlock(decoder, block);
    assert.deepEqual(pairs, fields);
    assert.equal(listBytes, sizeOf(fields));
    assert.deepEqual(dynamicTableOf(decoder), table);
    assert.equal(sizeOf(table), tableBytes);
  }
}

function encodesAll(examples: readonly Example[], encoder: HpackEncoder): void {
  for (const { block, fields } of examples) {
    assert.deepEqual(encoder.encode(fields, { sensitive: new Set() }), hex(block));
  }
}

function sizeOf(fields: readonly HeaderPair[]): number {
  return fields.reduce((bytes, [name, value]) => bytes + name.length + value.length + 32, 0);
}
