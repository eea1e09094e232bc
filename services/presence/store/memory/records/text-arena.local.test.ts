import assert from "node:assert/strict";
import { test } from "node:test";
import { seed } from "@realchat/presence-testing";
import fc from "fast-check";
import { noText, TextArena } from "./text-arena.ts";

test("texts come back as they were, whatever was freed and reused in between", () => {
  const text = fc.string({ unit: "binary", maxLength: 128 });
  const property = fc.property(fc.array(fc.tuple(text, fc.boolean()), { maxLength: 100 }), (steps) => {
    const arena = new TextArena();
    const kept = new Map<number, string>();
    for (const [added, frees] of steps) {
      const handle = arena.add(added);
      assert(handle === noText || !kept.has(handle), "a handle in use was given out again");
      kept.set(handle, added);
      const [oldest] = kept.keys();
      if (frees && oldest !== undefined) {
        arena.free(oldest);
        kept.delete(oldest);
      }
      for (const [each, expected] of kept) if (each !== noText) assert.equal(arena.get(each), expected);
    }
  });
  fc.assert(property, { seed: seed() });
});

test("compares the rest of a text from a position on", () => {
  const arena = new TextArena();
  const handle = arena.add("c1");
  assert(arena.equals(handle, "7.c1", 2));
  assert(!arena.equals(handle, "7.c1"));
  assert(!arena.equals(handle, "7.c12", 2));
  assert(!arena.equals(handle, "7.c2", 2));
  assert(arena.equals(noText, "7.", 2));
  assert(!arena.equals(noText, "7.c", 2));
});

test("a wide text is not the narrow one with the same low bytes", () => {
  const arena = new TextArena();
  assert(!arena.equals(arena.add("a"), "š"));
  assert(!arena.equals(arena.add("š"), "a"));
  assert(arena.equals(arena.add("š👩‍👩‍👧"), "š👩‍👩‍👧"));
});

test("goes on in the next chunk when one is full", () => {
  const arena = new TextArena();
  const texts = Array.from({ length: 20_000 }, (_, index) => `${index}`.padStart(120, "-"));
  const handles = texts.map((text) => arena.add(text));
  for (const [index, handle] of handles.entries()) assert.equal(arena.get(handle), texts[index]);
});
