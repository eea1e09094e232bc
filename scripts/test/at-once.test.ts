import assert from "node:assert/strict";
import { test } from "node:test";
import { atOnce } from "./at-once.ts";

const turn = () => new Promise<void>(setImmediate);

/** @returns in which order items were begun, and how many ran at the same time */
async function played(untilRoom: () => Promise<void>): Promise<{ begun: number[]; most: number }> {
  const begun: number[] = [];
  let running = 0;
  let most = 0;
  await atOnce({ least: 2, most: 4, untilRoom }, [1, 2, 3, 4, 5, 6, 7, 8], async (item) => {
    begun.push(item);
    running += 1;
    most = Math.max(most, running);
    for (let turns = 0; turns < 10; turns++) await turn();
    running -= 1;
  });
  return { begun, most };
}

test("the least work on items in order, and more, where there is room, on the last ones", async () => {
  const all = [1, 2, 3, 4, 5, 6, 7, 8];
  assert.deepEqual(await played(turn), { begun: [1, 2, 8, 7, 3, 4, 6, 5], most: 4 });
  let isOver = false;
  const narrow = played(async () => {
    while (!isOver) await turn();
  });
  for (let turns = 0; turns < 100; turns++) await turn();
  isOver = true;
  assert.deepEqual(await narrow, { begun: all, most: 2 });
});
