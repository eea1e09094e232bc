import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { encodeStateless } from "./encoder.ts";
import type { HeaderField } from "./header-field.ts";
import { decodeBlock, dynamicTableOf, hex, newDecoder } from "./testing/decoding.ts";

describe("errors", () => {
  const broken: readonly { name: string; block: string; message: string | RegExp }[] = [
    { name: "index 0", block: "80", message: "index 0 names no field" },
    { name: "an index beyond an empty dynamic table", block: "be", message: /^index 62 is beyond .* end at 61$/ },
    { name: "an index far beyond the tables", block: "ff80ffff7f", message: /^index 268435455 is beyond/ },
    { name: "an index that overflows", block: "ffffffffff0f", message: /more than 4 octets/ },
    { name: "an index that is cut off", block: "ff", message: "the block ends within an integer" },
    { name: "a name's index beyond the tables, with indexing", block: "7e0161", message: /^index 62 is beyond/ },
    { name: "a name's index beyond the tables, without indexing", block: "0f2f0161", message: /^index 62 is beyond/ },
    { name: "a name's index beyond the tables, never indexed", block: "1f2f0161", message: /^index 62 is beyond/ },
    { name: "a name that is missing", block: "40", message: "the block ends before a text" },
    { name: "a value that is missing", block: "44", message: "the block ends before a text" },
    { name: "a name that is cut off", block: "00026e", message: "a text of 2 bytes has 1 left in the block" },
    { name: "a value that is cut off", block: "04036161", message: "a text of 3 bytes has 2 left in the block" },
    { name: "a coded value that is cut off", block: "04838cf1", message: "a text of 3 bytes has 2 left in the block" },
    { name: "a length that is cut off", block: "047f", message: "the block ends within an integer" },
    { name: "a length that overflows", block: "047fffffffff0f", message: /more than 4 octets/ },
    {
      name: "a length of hundreds of megabytes",
      block: "047fffffff7f",
      message: /^a text of 268435582 bytes has 0 left/,
    },
    { name: "EOS in a value", block: "0484ffffffff", message: "a Huffman-coded text contains EOS" },
    { name: "EOS in a name", block: "0084ffffffff00", message: "a Huffman-coded text contains EOS" },
    { name: "eight bits of padding", block: "048207ff", message: /^a Huffman-coded text ends within a code/ },
    { name: "padding with a zero", block: "048106", message: /^a Huffman-coded text ends within a code/ },
    {
      name: "an update after a field",
      block: "8220",
      message: /^an update of the table's size is not at its block's beginning/,
    },
    {
      name: "an update beyond what we announced",
      block: "3fe21f",
      message: "an update asks for a table of 4097 bytes, limit 4096",
    },
    { name: "an update that overflows", block: "3fffffffff0f", message: /more than 4 octets/ },
    { name: "an update that is cut off", block: "3f", message: "the block ends within an integer" },
  ];
  for (const { name, block, message } of broken) {
    test(name, () => assert.throws(() => decodeBlock(newDecoder(), block), { name: "HpackError", message }));
  }

  test("an index that was evicted", () => {
    const decoder = newDecoder();
    decodeBlock(decoder, "400161 0162");
    decodeBlock(decoder, "20"); // a table of no bytes
    assert.throws(() => decodeBlock(decoder, "be"), { name: "HpackError" });
  });

  test("errors in a field that is not listed any more", () => {
    const decoder = newDecoder({ listMaxBytes: 0 });
    for (const block of ["0484ffffffff", "048106", "04036161", "0f2f0161", "00026e", "ff00", "82 20"]) {
      assert.throws(() => decodeBlock(decoder, block), { name: "HpackError" });
    }
  });
});

describe("a block", () => {
  test("is only what lies between start and end", () => {
    const fields: HeaderField[] = [];
    newDecoder().decode(hex("ff 8286 80"), 1, 3, fields);
    assert.deepEqual(
      fields.map(({ value }) => value),
      ["GET", "http"],
    );
  });

  test("may be empty", () => {
    assert.deepEqual(decodeBlock(newDecoder(), ""), { fields: [], pairs: [], listBytes: 0 });
  });

  test("is appended to the fields that are there", () => {
    const decoder = newDecoder();
    const fields: HeaderField[] = [];
    for (const block of ["82", "84"]) decoder.decode(hex(block), 0, 1, fields);
    assert.deepEqual(
      fields.map(({ value }) => value),
      ["GET", "/"],
    );
  });

  test("may hold any bytes, plain or coded, long or short", () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    for (let length = 0; length < 20; length++) {
      const block = Buffer.concat([hex("00 01 61"), Buffer.of(length), bytes.subarray(256 - length)]);
      assert.equal(decodeBlock(newDecoder(), block).pairs[0]?.[1], bytes.toString("latin1", 256 - length));
    }
    const all = Buffer.concat([hex("00 01 61 7f 81 01"), bytes]);
    assert.equal(decodeBlock(newDecoder(), all).pairs[0]?.[1], bytes.toString("latin1"));
  });

  test("may hold coded texts of any length, each longer than all before", () => {
    const decoder = newDecoder({ listMaxBytes: 2 ** 20 });
    for (let length = 1; length < 20_000; length *= 3) {
      const value = "value ".repeat(length).slice(0, length);
      assert.equal(decodeBlock(decoder, encodeStateless([["a", value]])).pairs[0]?.[1], value);
    }
  });

  test("may name a field after the entry that it evicts", () => {
    const decoder = newDecoder();
    const name = "n".repeat(3000);
    decodeBlock(decoder, literal(0x40, name, ""));
    const [pair] = decodeBlock(decoder, Buffer.concat([hex("7e 7f e9 07"), Buffer.alloc(1128, "v")])).pairs;
    assert.equal(pair?.[0], name);
    assert.deepEqual(dynamicTableOf(decoder), []);
  });
});

describe("updates of the table's size", () => {
  test("several at the beginning of a block are taken, the smallest evicting", () => {
    const decoder = newDecoder();
    decodeBlock(decoder, "400161 0162");
    assert.deepEqual(decodeBlock(decoder, "20 3fe11f 82").pairs, [[":method", "GET"]]);
    assert.deepEqual(dynamicTableOf(decoder), []);
    decodeBlock(decoder, "400161 0162");
    assert.deepEqual(dynamicTableOf(decoder), [["a", "b"]]);
  });

  test("evict only as much as they must, oldest first", () => {
    const decoder = newDecoder();
    decodeBlock(decoder, "400161 0131 400161 0132 400161 0133"); // 34 bytes each
    decodeBlock(decoder, "3f 26"); // 69
    assert.deepEqual(dynamicTableOf(decoder), [
      ["a", "3"],
      ["a", "2"],
    ]);
  });

  test("a larger table than usual may be asked for at once when we announce it", () => {
    const decoder = newDecoder({ tableMaxBytes: 8192 });
    decodeBlock(decoder, "3fe13f");
    assert.throws(() => decodeBlock(decoder, "3fe23f"), {
      message: "an update asks for a table of 8193 bytes, limit 8192",
    });
  });

  test("a larger table is not taken for granted: until the peer asks for it, 4096 bytes hold", () => {
    const decoder = newDecoder({ tableMaxBytes: 8192 });
    decoder.settingsAcknowledged();
    decodeBlock(decoder, literal(0x40, "a", "v".repeat(4063)));
    decodeBlock(decoder, literal(0x40, "a", "v"));
    assert.equal(dynamicTableOf(decoder).length, 1);
  });

  describe("when we announce a smaller table than usual", () => {
    test("the peer may use the usual one until it acknowledges", () => {
      const decoder = newDecoder({ tableMaxBytes: 64 });
      decodeBlock(decoder, literal(0x40, "a", "v".repeat(1000)));
      assert.equal(dynamicTableOf(decoder).length, 1);
    });

    test("the first block after its acknowledgement has to begin with an update", () => {
      for (const block of ["82", "", "3fe11f", "3f22"]) {
        const decoder = newDecoder({ tableMaxBytes: 64 });
        decoder.settingsAcknowledged();
        assert.throws(() => decodeBlock(decoder, block), { name: "HpackError" });
      }
    });

    test("once it did, later blocks need not", () => {
      const decoder = newDecoder({ tableMaxBytes: 64 });
      decodeBlock(decoder, literal(0x40, "a", "v".repeat(1000)));
      decoder.settingsAcknowledged();
      decodeBlock(decoder, "3f21"); // 64
      assert.deepEqual(dynamicTableOf(decoder), []);
      assert.deepEqual(decodeBlock(decoder, "82").pairs, [[":method", "GET"]]);
    });

    test("an encoder that made it as small before it acknowledged need not do it again", () => {
      const decoder = newDecoder({ tableMaxBytes: 64 });
      decodeBlock(decoder, "3f21");
      decoder.settingsAcknowledged();
      decodeBlock(decoder, "82");
    });
  });
});

describe("the size of a list", () => {
  /** 10 + 32 bytes of `:method: GET`, thrice. */
  test("is counted to its end, while fields beyond the limit are left out", () => {
    for (const [listMaxBytes, listed] of [
      [126, 3],
      [125, 2],
      [84, 2],
      [83, 1],
      [0, 0],
    ] as const) {
      const decoded = decodeBlock(newDecoder({ listMaxBytes }), "828282");
      assert.deepEqual([decoded.listBytes, decoded.fields.length], [126, listed]);
    }
  });

  test("nothing is listed after the first field that had no room, be it as small as can be", () => {
    const block = Buffer.concat([literal(0x00, "a", "v".repeat(100)), hex("00 00 00"), hex("82")]);
    const decoded = decodeBlock(newDecoder({ listMaxBytes: 100 }), block);
    assert.deepEqual([decoded.listBytes, decoded.fields], [133 + 32 + 42, []]);
  });

  test("counts literals alike, whichever their form", () => {
    for (const form of [0x00, 0x10, 0x40]) {
      const block = Buffer.concat([literal(form, "name", "value"), hex("04 82 60bf"), literal(form, "name", "")]);
      const sizes = [0, 50, 1000].map((listMaxBytes) => decodeBlock(newDecoder({ listMaxBytes }), block).listBytes);
      assert.deepEqual(sizes, [41 + 39 + 36, 41 + 39 + 36, 41 + 39 + 36]);
    }
  });

  test("fields beyond the limit enter the table all the same", () => {
    const decoder = newDecoder({ listMaxBytes: 50 });
    decodeBlock(decoder, Buffer.concat([literal(0x00, "a", "v".repeat(50)), literal(0x40, "name", "value")]));
    assert.deepEqual(decodeBlock(decoder, "be").pairs, [["name", "value"]]);
  });

  test("a field of 4 KB that is named ten thousand times costs nothing but counting", () => {
    const decoder = newDecoder({ listMaxBytes: 16 * 1024 });
    decodeBlock(decoder, literal(0x40, "a", "v".repeat(4063)));
    const decoded = decodeBlock(decoder, Buffer.alloc(10_000, 0xbe));
    assert.deepEqual([decoded.listBytes, decoded.fields.length], [40_960_000, 4]);
    assert.equal(new Set(decoded.fields).size, 1);
  });
});

describe("classify", () => {
  test("sees each field once, however often it is listed", () => {
    const seen: string[] = [];
    const decoder = newDecoder({ classify: ({ name, value }) => seen.push(`${name}=${value}`) });
    const first = decodeBlock(decoder, Buffer.concat([hex("8282"), literal(0x40, "a", "b"), hex("be be")])).fields;
    const second = decodeBlock(decoder, hex("82 be")).fields;
    assert.deepEqual(seen, [":method=GET", "a=b"]);
    assert.equal(first[0], second[0]);
    assert.equal(first[2], second[1]);
  });

  test("sees a field of the static table once for all decoders of a server, and for each server", () => {
    const names: string[] = [];
    const classify = (field: HeaderField) => names.push(field.name);
    for (const decoder of [newDecoder({ classify }), newDecoder({ classify })]) decodeBlock(decoder, "82");
    assert.deepEqual(names, [":method"]);
    decodeBlock(newDecoder({ classify: (field) => names.push(field.name) }), "82");
    assert.deepEqual(names, [":method", ":method"]);
  });

  test("is not bothered with what is not listed: thousands of fields named after one of 4 KB", () => {
    const names: string[] = [];
    const decoder = newDecoder({ classify: ({ name }) => names.push(name), listMaxBytes: 16 * 1024 });
    const rename = Buffer.from("7e00".repeat(10_000), "hex"); // the newest name again, in a new field without value
    const decoded = decodeBlock(decoder, Buffer.concat([literal(0x40, "n".repeat(4000), ""), rename]));
    assert.equal(decoded.listBytes, 10_001 * 4032);
    assert.equal(names.length, 4);
  });

  test("sees later what was not listed at first", () => {
    const seen: string[] = [];
    const decoder = newDecoder({ classify: ({ name }) => seen.push(name), listMaxBytes: 50 });
    decodeBlock(decoder, Buffer.concat([literal(0x00, "long", "v".repeat(50)), literal(0x40, "a", "b")]));
    assert.deepEqual(seen, []);
    decodeBlock(decoder, "be");
    assert.deepEqual(seen, ["a"]);
  });
});

/** A literal with its name and a value of up to 16,382 bytes, plain. */
function literal(form: number, name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(form), plain(name), plain(value)]);
}

function plain(text: string): Buffer {
  const rest = text.length - 0x7f;
  const length = rest < 0 ? [text.length] : [0x7f, (rest & 0x7f) | 0x80, rest >> 7];
  return Buffer.concat([Buffer.from(length), Buffer.from(text, "latin1")]);
}
