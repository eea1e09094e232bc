import assert from "node:assert/strict";
import { test } from "node:test";
import { decodedBytesMax, decodeHuffman, encodeHuffman, huffmanLength } from "./huffman.ts";
import { huffmanCodes, huffmanLengths } from "./huffman-code.ts";

test("the codes are those of RFC 7541, Appendix B", () => {
  const some = { 0: 0x1ff8, 10: 0x3ffffffc, 32: 0x14, 48: 0x0, 97: 0x3, 122: 0x7b, 127: 0xffffffc, 195: 0x7fff1 };
  const more = { 200: 0x3ffffe2, 207: 0x1ffffed, 249: 0xffffffe, 255: 0x3ffffee, 256: 0x3fffffff };
  for (const [symbol, code] of Object.entries({ ...some, ...more })) assert.equal(huffmanCodes[Number(symbol)], code);
});

test("each byte survives, alone, doubled and between others", () => {
  for (let byte = 0; byte < 256; byte++) {
    const character = String.fromCharCode(byte);
    for (const text of [character, character + character, `a${character}~${character}0`]) {
      assert.equal(decode(encode(text)), text);
      assert.equal(encode(text).length, huffmanLength(text));
    }
  }
});

test("a text of nothing is coded as nothing", () => {
  assert.equal(huffmanLength(""), 0);
  assert.equal(decode(Buffer.alloc(0)), "");
});

test("a text of the shortest codes fills the room that is said to be enough", () => {
  const coded = encode("0".repeat(80));
  assert.equal(coded.length, 50);
  assert.ok(decodedBytesMax(50) >= 80);
  assert.equal(decode(coded), "0".repeat(80));
});

test("a character that is not a byte cannot be coded", () => {
  assert.throws(() => huffmanLength("aĀ"), { name: "RangeError", message: /^"Ā" at 1 is not a byte/ });
});

const containsEnd = { name: "HpackError", message: "a Huffman-coded text contains EOS" };
const badPadding = { name: "HpackError", message: /^a Huffman-coded text ends within a code/ };

test("EOS within a text is an error, wherever it begins within a byte", () => {
  const ends = "1".repeat(huffmanLengths[256] as number);
  assert.throws(() => decodeBits(ends), containsEnd);
  for (const before of ["0", "00", "a", "-a", "&0", "~", "X0", "Za~"]) {
    assert.throws(() => decodeBits(bitsOf(before) + ends), containsEnd);
    assert.throws(() => decodeBits(bitsOf(before) + ends + bitsOf("0")), containsEnd);
  }
});

/** Each "0" has five bits: one to eight of them leave room for 3, 6, 1, 4, 7, 2, 5 and 0 bits of padding. */
for (let zeros = 1; zeros <= 8; zeros++) {
  const text = "0".repeat(zeros);
  const padding = (8 - ((zeros * 5) % 8)) % 8;

  test(`${padding} bits of padding are ones; a zero among them, or eight more ones, are errors`, () => {
    const coded = encode(text);
    const last = coded.at(-1) as number;
    assert.equal(last & (2 ** padding - 1), 2 ** padding - 1);
    assert.equal(decode(coded), text);
    assert.throws(() => decode(Buffer.concat([coded, Buffer.of(0xff)])), badPadding);
    if (padding > 0) assert.throws(() => decode(coded.with(-1, last & 0xfe)), badPadding);
  });
}

test("padding alone is an error when it is a byte or more", () => {
  for (const bytes of [1, 2, 3]) assert.throws(() => decode(Buffer.alloc(bytes, 0xff)), badPadding);
});

function encode(text: string): Buffer {
  const out = Buffer.alloc(text.length * 4 + 1);
  return out.subarray(0, encodeHuffman(text, out, 0));
}

function decode(coded: Uint8Array): string {
  const out = Buffer.alloc(decodedBytesMax(coded.length));
  return out.toString("latin1", 0, decodeHuffman(coded, 0, coded.length, out));
}

function bitsOf(text: string): string {
  return [...text]
    .map((character) => {
      const symbol = character.charCodeAt(0);
      return (huffmanCodes[symbol] as number).toString(2).padStart(huffmanLengths[symbol] as number, "0");
    })
    .join("");
}

function decodeBits(bits: string): string {
  const bytes = bits.match(/.{1,8}/g) ?? [];
  return decode(Uint8Array.from(bytes, (byte) => Number.parseInt(byte.padEnd(8, "1"), 2)));
}
