import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { encodeStateless } from "./encoder.ts";
import type { HeaderField } from "./header-field.ts";
import { decodeBlock, hex, newDecoder } from "./testing/decoding.ts";

/** Knows the methods of /a.B/ and counts what it is asked. */
function newClassify(): { classify: (field: HeaderField) => void; asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    classify(field) {
      asked.push(field.value);
      if (field.value.startsWith("/a.B/")) field.meaning = `method ${field.value}`;
    },
  };
}

describe("a path that is spelled out with each request", () => {
  test("comes as the same field on all connections, classified once for each way to spell it", () => {
    const { classify, asked } = newClassify();
    const coded = encodeStateless([[":path", "/a.B/Method"]]);
    const plain = Buffer.concat([hex("04 0b"), Buffer.from("/a.B/Method")]);
    const fields = new Set<HeaderField | undefined>();
    for (let connection = 0; connection < 3; connection++) {
      const decoder = newDecoder({ classify });
      for (const block of [coded, plain, coded, plain]) {
        const decoded = decodeBlock(decoder, Buffer.concat([block, hex("82")]));
        assert.deepEqual(decoded.pairs, [
          [":path", "/a.B/Method"],
          [":method", "GET"],
        ]);
        fields.add(decoded.fields[0]);
      }
    }
    assert.equal(fields.size, 2);
    assert.deepEqual(asked, ["/a.B/Method", "GET", "/a.B/Method"]);
  });

  test("is not taken for another one that resembles it", () => {
    const decoder = newDecoder({ classify: newClassify().classify });
    for (let time = 0; time < 2; time++) {
      for (const path of ["/a.B/One", "/a.B/Two", "/a.B/one", "/a.B/On", "/a.B/", "/a.B/OneOne"]) {
        assert.deepEqual(decodeBlock(decoder, encodeStateless([[":path", path]])).pairs, [[":path", path]]);
      }
    }
  });

  test("is kept only when it has a meaning, so that strangers' paths fill nothing", () => {
    const { classify, asked } = newClassify();
    const decoder = newDecoder({ classify });
    for (let time = 0; time < 2; time++) decodeBlock(decoder, encodeStateless([[":path", "/x.Y/Z"]]));
    assert.deepEqual(asked, ["/x.Y/Z", "/x.Y/Z"]);
  });

  test("is not kept when it is marked as never to be", () => {
    const { classify, asked } = newClassify();
    const block = encodeStateless([[":path", "/a.B/Z"]], { sensitive: new Set([":path"]) });
    for (let time = 0; time < 2; time++) decodeBlock(newDecoder({ classify }), block);
    assert.deepEqual(asked, ["/a.B/Z", "/a.B/Z"]);
  });

  test("has its meaning for one server only", () => {
    const block = encodeStateless([[":path", "/a.B/Method"]]);
    const other = newClassify();
    decodeBlock(newDecoder({ classify: newClassify().classify }), block);
    decodeBlock(newDecoder({ classify: other.classify }), block);
    assert.deepEqual(other.asked, ["/a.B/Method"]);
  });

  test("is counted as any other, and left out beyond the list's limit", () => {
    const { classify } = newClassify();
    const block = encodeStateless([
      [":path", "/a.B/Method"],
      [":path", "/a.B/Method"],
    ]);
    for (const [listMaxBytes, listed] of [
      [96, 2],
      [95, 1],
      [47, 0],
      [96, 2],
    ] as const) {
      const decoded = decodeBlock(newDecoder({ classify, listMaxBytes }), block);
      assert.deepEqual([decoded.listBytes, decoded.fields.length], [96, listed]);
    }
  });

  test("is an error when it is cut off, known or not", () => {
    const { classify } = newClassify();
    const block = encodeStateless([[":path", "/a.B/Method"]]);
    decodeBlock(newDecoder({ classify }), block);
    for (let length = 1; length < block.length; length++) {
      assert.throws(() => newDecoder({ classify }).decode(block, 0, length, []), { name: "HpackError" });
    }
  });

  test("may be of any length, though a long one is read anew each time", () => {
    const { classify } = newClassify();
    for (let time = 0; time < 2; time++) {
      for (let length = 0; length < 300; length++) {
        const path = "/a.B/Method".padEnd(length, "~").slice(0, length);
        assert.equal(decodeBlock(newDecoder({ classify }), encodeStateless([[":path", path]])).pairs[0]?.[1], path);
      }
    }
  });

  test("is kept together with at most 511 others", () => {
    const { classify, asked } = newClassify();
    const paths = Array.from({ length: 600 }, (_, i) => `/a.B/Method${i}`);
    for (const path of paths) decodeBlock(newDecoder({ classify }), encodeStateless([[":path", path]]));
    asked.length = 0;
    for (const path of paths) decodeBlock(newDecoder({ classify }), encodeStateless([[":path", path]]));
    assert.deepEqual(asked, paths.slice(512));
  });
});
