import assert from "node:assert/strict";
import { test } from "node:test";
import { align, joinCells, printable } from "./layout.ts";

test("columns are as wide as their widest cell, colors left out", () => {
  assert.deepEqual(
    align([
      ["a", "\x1b[32mgreen\x1b[0m", "x"],
      ["bcd", "e", "y"],
    ]),
    ["a    \x1b[32mgreen\x1b[0m  x", "bcd  e      y"],
  );
  assert.deepEqual(align([]), []);
});

test("cells that outgrow their column push the rest on; nothing trails", () => {
  assert.equal(joinCells(["abc", "d", ""], [2, 3, 4]), "abc  d");
});

test("control characters are shown, not obeyed; all else stays", () => {
  assert.equal(printable("a\x1b[2J\r\n\x9b\u{1f600} ü"), "a\\x1b[2J\\x0d\\x0a\\x9b\u{1f600} ü");
});
