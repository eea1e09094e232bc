import assert from "node:assert/strict";
import { test } from "node:test";
import { ago, durationJson, millisOf, seconds } from "./time.ts";

test("timestamps become milliseconds, and durations text", () => {
  assert.equal(millisOf({ seconds: 2, nanos: 3_999_999 }), 2_003);
  assert.deepEqual([durationJson(20_000), durationJson(500)], ["20s", "0.500s"]);
  assert.deepEqual([seconds(20_000), seconds(500)], ["20 s", "0.5 s"]);
});

test("how long ago something was is told in the largest unit that says enough", () => {
  const cases: [number, string][] = [
    [-5, "just now"],
    [0.9, "just now"],
    [59.9, "59 s ago"],
    [60, "1 min ago"],
    [3_600, "1 h ago"],
    [47 * 3_600, "47 h ago"],
    [48 * 3_600, "2 days ago"],
  ];
  for (const [elapsed, text] of cases) assert.equal(ago(0, elapsed * 1_000), text);
});
