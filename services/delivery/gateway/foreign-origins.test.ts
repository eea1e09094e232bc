import assert from "node:assert/strict";
import { test } from "node:test";
import { ForeignOrigins } from "./foreign-origins.ts";

test("each refused origin is reported once, up to a limit", () => {
  const told: string[] = [];
  const origins = new ForeignOrigins((origin) => told.push(origin));
  for (let count = 0; count < 3; count++) origins.add("https://chat.example");
  assert.deepEqual(told, ["https://chat.example"]);
  origins.add("x".repeat(10_000));
  assert.ok((told[1] as string).length <= 300);
  for (let count = 0; count < 1_000; count++) origins.add(`https://${count}.example`);
  assert.equal(told.length, 100);
});
