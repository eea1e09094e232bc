import assert from "node:assert/strict";
import { test } from "node:test";
import { stopWithin } from "./patience.ts";

test("who does not stop is named, and who fails to stop fails with its own words", async () => {
  await stopWithin("a link", Promise.resolve(), 1);
  await assert.rejects(stopWithin("a link", new Promise(() => {}), 1), { message: "a link did not stop within 1 ms" });
  await assert.rejects(stopWithin("a link", Promise.reject(new Error("no")), 1), { message: "no" });
});
