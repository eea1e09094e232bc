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
  assert.ok(keptBy(() => newDecoder({ classify })) < 400);
  assert.ok(keptBy(() => new HpackEncoder()) < 400);
});

test("a decoder after a client's usual requests keeps less than 2 KB", () => {
  const kept = keptBy(() => {
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
  assert.ok(kept < 2048, `${kept} bytes`);
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
    const kept = keptBy(() => {
      const decoder = newDecoder({ classify });
      for (const block of blocks) decodeBlock(decoder, block);
      return decoder;
    });
    assert.ok(kept < 16 * 1024, `${kept} bytes`);
  });
}

function classify(): void {}

/**
 * Measured until two rounds agree: the engine's own work in between, such as compiling, happens once or now and then, and
 * what is kept shows in every round.
 * @returns bytes of heap for each of many; of the two rounds the more
 */
function keptBy(make: () => HpackDecoder | HpackEncoder): number {
  make(); // what is made once for all
  let last = measure(make);
  for (let round = 0; round < 20; round++) {
    const next = measure(make);
    if (Math.abs(next - last) <= Math.max(16, 0.02 * Math.min(next, last))) return Math.max(next, last);
    last = next;
  }
  assert.fail(`no two of 20 rounds agree, the last found ${last} bytes`);
}

function measure(make: () => HpackDecoder | HpackEncoder): number {
  const made: unknown[] = new Array(samples).fill(undefined);
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let sample = 0; sample < samples; sample++) made[sample] = make();
  collect();
  return (process.memoryUsage().heapUsed - before) / made.length;
}
