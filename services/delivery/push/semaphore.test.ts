import assert from "node:assert/strict";
import { test } from "node:test";
import { Semaphore } from "./semaphore.ts";

test("a semaphore runs a limited number at once, the others in order, whether they succeed or fail", async () => {
  const gate = new Semaphore(2);
  const began: number[] = [];
  const ends = Array.from({ length: 5 }, () => Promise.withResolvers<number>());
  const outcomes = ends.map(({ promise }, index) =>
    gate.run(() => {
      began.push(index);
      return promise;
    }),
  );
  const settled = Promise.allSettled(outcomes);
  await Promise.resolve();
  assert.deepEqual(began, [0, 1]);
  ends[1]?.reject(new Error("no"));
  await assert.rejects(outcomes[1] as Promise<number>);
  await new Promise(setImmediate);
  assert.deepEqual(began, [0, 1, 2]);
  for (const { resolve } of ends) resolve(7);
  assert.equal((await settled).filter(({ status }) => status === "fulfilled").length, 4);
  assert.deepEqual(began, [0, 1, 2, 3, 4]);
});
