import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { HpackDecoder } from "./decoder.ts";
import { encodeStateless } from "./encoder.ts";
import { decodeBlock, newDecoder } from "./testing/decoding.ts";
import { HpackEncoder } from "./testing/hpack-encoder.ts";

/** What a connection's decoder and encoder keep, in bytes of heap: ten thousand of them may be idle, or hostile. */

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");
const samples = 500;

test("a decoder that has read nothing keeps less than 400 bytes, and so does an encoder that has written nothing", () => {
  assertKeepsLess(400, () => newDecoder({ classify }));
  assertKeepsLess(400, () => new HpackEncoder());
});

test("a decoder after a client's usual requests keeps less than 2 KB", () => {
  assertKeepsLess(2048, () => {
    const encoder = new HpackEncoder();
    const decoder = newDecoder({ classify });
    for (let request = 0; request < 3; request++) {
      const fields = [
        [":path", "/package.Service/Method"],
        ["user-agent", "grpc-node-js/1.14.0"],
      ] as const;
      decodeBlock(decoder, encoder.encode([...fields, ["grpc-timeout", `${9_999_999 - request}u`]]));
    }
    return decoder;
  });
});

const smallest = Buffer.from("400000".repeat(128), "hex"); // 128 fields without name and value fill a table of 4096 bytes
const large = Buffer.concat([Buffer.from("40 01 61 7f e0 1e".replaceAll(" ", ""), "hex"), Buffer.alloc(4063, "v")]);
const hostile: readonly { name: string; blocks: readonly Buffer[] }[] = [
  { name: "as many fields as it can hold", blocks: [smallest] },
  {
    name: "large fields, each evicting the last, in a ring of many slots",
    blocks: [smallest, ...new Array<Buffer>(200).fill(large)],
  },
  { name: "a long list that it does not remember", blocks: [encodeStateless([["a", "v".repeat(30_000)]])] },
];
for (const { name, blocks } of hostile) {
  test(`a decoder that was sent ${name} keeps less than 16 KB`, () => {
    assertKeepsLess(16 * 1024, () => {
      const decoder = newDecoder({ classify });
      for (const block of blocks) decodeBlock(decoder, block);
      return decoder;
    });
  });
}

function classify(): void {}

/**
 * Rounds are measured until one keeps less: what is kept shows in every round, and the engine's own work in between, such
 * as compiling, only adds to some.
 * @param limit bytes of heap for each of many
 */
function assertKeepsLess(limit: number, make: () => HpackDecoder | HpackEncoder): void {
  make(); // what is made once for all
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 20 && least >= limit; round++) least = Math.min(least, measure(make));
  assert.ok(least < limit, `${least} bytes`);
}

function measure(make: () => HpackDecoder | HpackEncoder): number {
  const made: unknown[] = new Array(samples).fill(undefined);
  const before = heapUsed();
  for (let sample = 0; sample < samples; sample++) made[sample] = make();
  return (heapUsed() - before) / made.length;
}

/** Nothing that is left to be freed counts, which would make a round keep too little when it goes meanwhile. */
function heapUsed(): number {
  let used = Number.POSITIVE_INFINITY;
  for (;;) {
    collect();
    const next = process.memoryUsage().heapUsed;
    if (next >= used) return used;
    used = next;
  }
}
