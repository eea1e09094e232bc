import assert from "node:assert/strict";
import { test } from "node:test";
import { waitUntil } from "./wait-until.ts";

test("waiting ends with what the condition found, as soon as it holds", async () => {
  let looks = 0;
  const found = await waitUntil(async () => ++looks === 3 && "the third look", { what: "three looks" });
  assert.equal(found, "the third look");
  assert.equal(looks, 3);
});

test("waiting in vain says for what, how long and what was seen last", async () => {
  const never = waitUntil(() => 0, { what: "pigs fly", deadlineMs: 30 });
  await assert.rejects(never, { message: "waited 30 ms until pigs fly, in vain (the last look gave 0)" });
});

test("a condition that throws does not hold yet; at the deadline its error is thrown", async () => {
  let looks = 0;
  const late = () => {
    looks += 1;
    if (looks < 3) throw new Error("not there");
    return true;
  };
  assert.equal(await waitUntil(late, { what: "it is there" }), true);

  const error = new Error("ECONNREFUSED");
  const never = waitUntil(() => Promise.reject(error), { what: "it is there", deadlineMs: 30 });
  await assert.rejects(never, { message: "waited 30 ms until it is there, in vain: ECONNREFUSED", cause: error });
});

test("a condition that never settles does not outlast the wait", { timeout: 20_000 }, async () => {
  const never = waitUntil(() => new Promise(() => {}), { what: "a frozen process answers", deadlineMs: 30 });
  await assert.rejects(never, /waited 30 ms until a frozen process answers, in vain: the last look has not come back/);
});
