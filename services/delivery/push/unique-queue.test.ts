import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { systemClock } from "@realchat/presence-runtime/clock";
import { UniqueQueue } from "./unique-queue.ts";

describe("a waiting line", () => {
  test("returns its members first in, first out, each once; a member that is added again is last", () => {
    const line = new UniqueQueue<number>();
    assert.deepEqual(line.take(2), []);
    for (const member of [1, 2, 3, 2]) line.add(member);
    assert.deepEqual(line.take(2), [1, 2]);
    for (const member of [1, 3, 4]) line.add(member);
    assert.deepEqual([line.size, line.take(10), line.size], [3, [3, 1, 4], 0]);
    line.add(5);
    assert.deepEqual(line.take(1), [5]);
  });

  test("of 200,000 is emptied one by one in a moment", () => {
    const line = new UniqueQueue<number>();
    for (let member = 0; member < 200_000; member++) line.add(member);
    const sinceMs = systemClock.monotonicMs();
    let sum = 0;
    while (line.size > 0) for (const member of line.take(1)) sum += member;
    const tookMs = systemClock.monotonicMs() - sinceMs;
    assert.equal(sum, (200_000 * 199_999) / 2);
    // 30 ms; by iterators that begin anew it is half a minute.
    assert.ok(tookMs < 3_000, `it took ${tookMs} ms`);
  });
});
