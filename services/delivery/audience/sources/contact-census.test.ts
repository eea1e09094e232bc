import assert from "node:assert/strict";
import { test } from "node:test";
import { ContactCounter } from "./contact-census.ts";

function censusOf(contacts: readonly (readonly [string, string])[], max?: number) {
  const counter = new ContactCounter(max);
  for (const [user, contact] of contacts) counter.add(user, contact);
  return counter.count();
}

test("contacts are mutual when both directions are there, in any order and however often", () => {
  const ann = [
    ["ann", "bob"],
    ["bob", "ann"],
    ["ann", "bob"],
  ] as const;
  assert.deepEqual(censusOf(ann), { mutual: 1, oneSided: 0, example: undefined });
  assert.deepEqual(censusOf([...ann, ["zoe", "ann"], ["zoe", "ann"]]), {
    ...{ mutual: 1, oneSided: 1, example: ["zoe", "ann"] },
  });
  assert.deepEqual(censusOf([]), { mutual: 0, oneSided: 0, example: undefined });
});

test("nobody is his own mutual contact", () => {
  assert.deepEqual(censusOf([["ann", "ann"]]), { mutual: 0, oneSided: 1, example: ["ann", "ann"] });
});

test("of more pairs than it remembers it says nothing", () => {
  const many = Array.from({ length: 4 }, (_, index) => ["ann", `user-${index}`] as const);
  assert.equal(censusOf(many, 4)?.oneSided, 4);
  assert.equal(censusOf(many, 3), undefined);
});
