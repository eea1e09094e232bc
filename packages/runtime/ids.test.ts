import assert from "node:assert/strict";
import { test } from "node:test";
import { wrongWithId } from "./ids.ts";

test("an id is 1 to 128 bytes of UTF-8 without control characters", () => {
  for (const id of ["a", "a:b", " ", "{x}", "👩‍👩‍👧", "\u00a0", "\u{10ffff}", "x".repeat(128), "é".repeat(64)]) {
    assert.equal(wrongWithId(id), undefined, id);
  }
  for (const [id, what] of [
    ["", "is empty"],
    ["a\nb", "has the control character U+000A at 1"],
    ["\0", "has the control character U+0000 at 0"],
    ["\u007f", "has the control character U+007F at 0"],
    ["\u009f", "has the control character U+009F at 0"],
    ["\ud800", "is not valid Unicode: it has a lone surrogate"],
    ["a\udc00b", "is not valid Unicode: it has a lone surrogate"],
    ["x".repeat(129), "has 129 bytes, limit 128"],
    ["é".repeat(65), "has 130 bytes, limit 128"],
  ] as const) {
    assert.equal(wrongWithId(id), what);
  }
});

test("what is no text is no id", () => {
  for (const id of [undefined, null, 42, 0, true, Number.NaN, ["ada"], { sub: "ada" }, 10n, Symbol("ada")]) {
    assert.equal(wrongWithId(id), "is not a text");
  }
});
