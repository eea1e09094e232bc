import assert from "node:assert/strict";
import { test } from "node:test";
import { seed } from "@realchat/presence-testing";
import fc from "fast-check";
import type { HpackDecoder } from "./decoder.ts";
import type { HeaderPair } from "./encoder.ts";
import type { HeaderField } from "./header-field.ts";
import { HpackError } from "./hpack-error.ts";
import { encodeHuffman, huffmanLength } from "./huffman.ts";
import { writeInteger } from "./integers.ts";
import { decodeBlock, dynamicTableOf, newDecoder } from "./testing/decoding.ts";
import { PlainDecoder, PlainError, plainSize } from "./testing/plain-decoder.ts";

/**
 * Blocks of anything, from valid ones with a byte or two changed to pure noise, in conversations that last until the
 * first error: the decoder must say the same as a plain one, or an HpackError where that one objects.
 */

const index = fc.oneof(
  { weight: 60, arbitrary: fc.integer({ min: 1, max: 61 }) },
  { weight: 20, arbitrary: fc.integer({ min: 62, max: 64 }) },
  { weight: 1, arbitrary: fc.nat(400) },
);
/** Three of a long one fill the table. */
const plainText = fc
  .tuple(fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 0, 0, 1500), fc.uint8Array({ maxLength: 12 }))
  .map(([length, end]) => [...integer(0, 7, length + end.length), ...new Array<number>(length).fill(97), ...end]);
const codedText = fc
  .oneof(fc.string({ maxLength: 20 }), fc.string({ maxLength: 20, unit: "binary-ascii" }))
  .map((text) => {
    const out = new Uint8Array(huffmanLength(text));
    encodeHuffman(text, out, 0);
    return [...integer(0x80, 7, out.length), ...out];
  });
const wronglyCodedText = fc
  .tuple(fc.uint8Array({ maxLength: 6 }), fc.constantFrom([], [0xff, 0xff, 0xff, 0xff])) // the latter contain EOS
  .map(([bytes, end]) => [...integer(0x80, 7, bytes.length + end.length), ...bytes, ...end]);
const text = fc.oneof(
  { weight: 60, arbitrary: plainText },
  { weight: 60, arbitrary: codedText },
  { weight: 1, arbitrary: wronglyCodedText },
);
const form = fc.constantFrom([0x40, 6] as const, [0x40, 6] as const, [0x00, 4] as const, [0x10, 4] as const);

const path = fc
  .tuple(fc.constantFrom(0x04, 0x04, 0x05, 0x14, 0x44), fc.oneof(fc.constantFrom(...knownPaths()), text))
  .map(([first, value]) => [first, ...value]);

const representation = fc.oneof(
  { weight: 2, arbitrary: path },
  { weight: 5, arbitrary: index.map((value) => integer(0x80, 7, value)) },
  {
    weight: 5,
    arbitrary: fc.tuple(form, text, text).map(([[pattern], name, value]) => [pattern, ...name, ...value]),
  },
  {
    weight: 5,
    arbitrary: fc
      .tuple(form, index, text)
      .map(([[pattern, bits], name, value]) => [...integer(pattern, bits, name), ...value]),
  },
);
const update = fc.integer({ min: 0, max: 4100 }).map((maxBytes) => integer(0x20, 5, maxBytes));
const noise = fc.uint8Array({ maxLength: 8 }).map((bytes) => [...bytes]);

const mutation = fc.record({ at: fc.nat(10_000), remove: fc.nat(2), insert: fc.uint8Array({ maxLength: 2 }) });
const block = fc
  .tuple(
    fc.oneof({ weight: 9, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.array(update, { maxLength: 2 }) }),
    fc.array(
      fc.oneof(
        { weight: 200, arbitrary: representation },
        { weight: 1, arbitrary: update },
        { weight: 1, arbitrary: noise },
      ),
      { maxLength: 12 },
    ),
    fc.oneof({ weight: 9, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.array(mutation, { maxLength: 3 }) }),
  )
  .map(([updates, representations, mutations]) => {
    const bytes = [...updates, ...representations].flat();
    for (const { at, remove, insert } of mutations) bytes.splice(at % (bytes.length + 1), remove, ...insert);
    return Uint8Array.from(bytes);
  });

/** Puts three fields in the table, for others to name. */
const prelude = Uint8Array.from([1, 2, 3].flatMap((digit) => [0x40, 1, 97, 1, 48 + digit]));

const outcomes = { blocks: 0, errors: 0, fields: 0, remembered: 0 };

test("blocks of anything are read as a plain decoder reads them", () => {
  const conversation = fc.record({
    blocks: fc.array(block, { minLength: 1, maxLength: 15 }),
    listMaxBytes: fc.constantFrom(0, 200, 16_384, 16_384),
  });
  fc.assert(fc.property(conversation, readsTheSame), { seed: seed(), numRuns: 500 });
  // Else the conversations were too tame or too wild to show anything.
  assert.ok(outcomes.errors > 100 && outcomes.blocks > 1000, JSON.stringify(outcomes));
  assert.ok(outcomes.fields > 2000 && outcomes.remembered > 2000, JSON.stringify(outcomes));
});

test("noise is read as a plain decoder reads it", () => {
  const conversation = fc.record({
    blocks: fc.array(fc.uint8Array({ maxLength: 60 }), { minLength: 1, maxLength: 5 }),
    listMaxBytes: fc.constant(16_384),
  });
  fc.assert(fc.property(conversation, readsTheSame), { seed: seed(), numRuns: 500 });
});

function readsTheSame({ blocks, listMaxBytes }: { blocks: readonly Uint8Array[]; listMaxBytes: number }): void {
  const decoder = newDecoder({ listMaxBytes, classify });
  const plain = new PlainDecoder();
  for (const bytes of [prelude, ...blocks]) {
    const expected = outcomeOf(() => plain.decode(bytes), PlainError);
    const actual = outcomeOf(() => decodeBlock(decoder, bytes), HpackError);
    outcomes.blocks += 1;
    if (expected === undefined || actual === undefined) {
      outcomes.errors += 1;
      assert.equal(actual, expected, "one of them objects");
      return;
    }
    outcomes.fields += actual.pairs.length;
    assert.equal(actual.listBytes, plainSize(expected));
    assert.deepEqual(actual.pairs, withinLimit(expected, listMaxBytes));
    if (listMaxBytes >= 4096) sameTable(decoder, plain);
  }
}

/** Gives paths a meaning, so that decoders share them; most are as random as the rest. */
function classify(field: HeaderField): void {
  if (field.name === ":path") field.meaning = field.value;
}

function sameTable(decoder: HpackDecoder, plain: PlainDecoder): void {
  const table = dynamicTableOf(decoder);
  outcomes.remembered += table.length;
  assert.deepEqual(table, plain.dynamicTable);
}

/** @returns undefined when it throws such an error; any other error is a failure of the test */
function outcomeOf<T>(decode: () => T, expected: typeof PlainError | typeof HpackError): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof expected) return undefined;
    throw error;
  }
}

function withinLimit(fields: readonly HeaderPair[], maxBytes: number): HeaderPair[] {
  const beyond = fields.findIndex((_, position) => plainSize(fields.slice(0, position + 1)) > maxBytes);
  return beyond < 0 ? [...fields] : fields.slice(0, beyond);
}

function knownPaths(): number[][] {
  return ["/a.B/C", "/a.B/D", "/a.B/E"].flatMap((path) => {
    const coded = new Uint8Array(huffmanLength(path));
    encodeHuffman(path, coded, 0);
    return [
      [path.length, ...Buffer.from(path)],
      [0x80 | coded.length, ...coded],
    ];
  });
}

function integer(pattern: number, prefixBits: number, value: number): number[] {
  const out = new Uint8Array(8);
  return [...out.subarray(0, writeInteger(out, 0, pattern, 2 ** prefixBits - 1, value))];
}
