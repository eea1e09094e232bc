import assert from "node:assert/strict";
import { test } from "node:test";
import { seed } from "@realchat/presence-testing";
import fc from "fast-check";
import { RpcError } from "../status.ts";
import { framed } from "../testing/raw-call.ts";
import { MessageReader } from "./message-reader.ts";

const message = fc.record(
  { text: fc.string({ maxLength: 60 }), isCompressed: fc.boolean() },
  { noNullPrototype: true },
);

test("messages come out as they went in, however the bytes are cut", () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 10 }), cuts, (messages, lengths) => {
      const bytes = Buffer.concat(messages.map(({ text, isCompressed }) => framed(Buffer.from(text), isCompressed)));
      const reader = new MessageReader(1_000);
      const found: { text: string; isCompressed: boolean }[] = [];
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const end = Math.min(bytes.length, at + (lengths[turn % lengths.length] as number));
        reader.push(bytes, at, end, {
          take: ({ bytes: content, isCompressed }) => found.push({ text: content.toString(), isCompressed }),
        });
        at = end;
      }
      assert.deepEqual(found, messages);
      assert.equal(reader.partialBytes, 0);
    }),
    { seed: seed(), numRuns: 300 },
  );
});

test("it says how much it has of a message that is not complete", () => {
  const reader = new MessageReader(1_000);
  const bytes = framed(Buffer.from("hello"));
  for (let at = 0; at < bytes.length - 1; at++) {
    reader.push(bytes, at, at + 1, { take: () => assert.fail("it is not complete") });
    assert.equal(reader.partialBytes, at + 1);
  }
});

test("a message above the limit is refused as soon as its length is there", () => {
  const prefix = framed(Buffer.alloc(1_001)).subarray(0, 5);
  const push = (reader: MessageReader, start: number, end: number) =>
    reader.push(prefix, start, end, { take: () => undefined });
  const isTooLarge = (error: unknown) => error instanceof RpcError && error.code === "RESOURCE_EXHAUSTED";
  assert.throws(() => push(new MessageReader(1_000), 0, 5), isTooLarge);
  const slowly = new MessageReader(1_000);
  push(slowly, 0, 4);
  assert.throws(() => push(slowly, 4, 5), isTooLarge);
  push(new MessageReader(1_001), 0, 5);
});

test("a flag that is neither 0 nor 1 is no message", () => {
  const bytes = framed(Buffer.from("x"));
  bytes[0] = 2;
  const push = () => new MessageReader(10).push(bytes, 0, bytes.length, { take: () => undefined });
  assert.throws(push, (error) => error instanceof RpcError && error.code === "INTERNAL");
});
