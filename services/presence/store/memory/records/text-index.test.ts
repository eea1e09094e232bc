import assert from "node:assert/strict";
import { test } from "node:test";
import { seed } from "@realchat/presence-testing";
import fc from "fast-check";
import { TextArena } from "./text-arena.ts";
import { notFound, TextIndex } from "./text-index.ts";

test("finds what was added and not removed, as a Map does", () => {
  // As full as it gets, 20 texts in 32 places, so that they collide and wrap around.
  const texts = Array.from({ length: 20 }, (_, index) => `user-${index * 7919}`);
  const property = fc.property(
    fc.integer(),
    fc.array(fc.nat(texts.length - 1), { maxLength: 200, size: "max" }),
    (basis, steps) => {
      const index = new TextIndex(new TextArena(), texts.length, basis);
      const numbers = new Map<string, number>();
      for (const step of steps) {
        const text = texts[step] as string;
        const number = numbers.get(text);
        if (number === undefined) numbers.set(text, index.add(text));
        else {
          index.remove(number);
          numbers.delete(text);
        }
        for (const each of texts) assert.equal(index.find(each), numbers.get(each) ?? notFound);
      }
      assert.equal(new Set(numbers.values()).size, numbers.size);
      for (const [text, number] of numbers) assert.equal(index.text(number), text);
    },
  );
  fc.assert(property, { seed: seed() });
});
