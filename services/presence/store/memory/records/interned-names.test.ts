import assert from "node:assert/strict";
import { test } from "node:test";
import { InternedNames } from "./interned-names.ts";

test("one number for a name, until its last use is released", () => {
  const names = new InternedNames();
  const one = names.acquire("gateway-1");
  assert.equal(names.acquire("gateway-1"), one);
  const two = names.acquire("gateway-2");
  assert.notEqual(two, one);
  names.release(one);
  assert.equal(names.acquire("gateway-1"), one);
  names.release(one);
  names.release(one);
  assert.equal(names.acquire("gateway-3"), one, "the number is free again");
  assert.deepEqual([names.name(one), names.name(two)], ["gateway-3", "gateway-2"]);
});
