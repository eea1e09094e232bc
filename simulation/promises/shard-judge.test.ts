import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ShardJudge } from "./shard-judge.ts";

/** A judge of one shard, what it objected to, and the shard's last tick as it is told. */
function judged() {
  const objections: string[] = [];
  const judge = new ShardJudge(1, (promise, _shard, message) => objections.push(`${promise}: ${message}`));
  let tick = { clockMs: 0, atMs: 0, steps: 0 };
  const ticked = (clockMs: number, atMs: number, steps = 0) => {
    tick = { clockMs, atMs, steps };
    judge.look(0, () => tick);
  };
  ticked(5_000, 1_000);
  return { objections, ticked };
}

describe("a shard's clock", () => {
  test("counts no more than time passed from tick to tick (P6)", () => {
    const { objections, ticked } = judged();
    ticked(5_250, 1_250);
    ticked(6_250, 90_000);
    assert.deepEqual(objections, []);
    ticked(6_600, 90_200);
    assert.deepEqual(objections, ["P6: its clock counted 350 ms in 200 ms"]);
  });

  test("counts a second more for each step of the wall clock", () => {
    const { objections, ticked } = judged();
    ticked(6_200, 1_200, 1);
    ticked(8_400, 1_400, 3);
    assert.deepEqual(objections, []);
    ticked(9_600, 1_600, 3);
    assert.deepEqual(objections, ["P6: its clock counted 1200 ms in 200 ms"]);
  });

  test("may go on from an older reading after a loss", () => {
    const { objections, ticked } = judged();
    ticked(2_000, 9_000);
    ticked(5_200, 9_250);
    assert.deepEqual(objections, []);
  });
});

test("a shard may go on when its data came back before anybody saw that they were lost (P8)", () => {
  const objections: string[] = [];
  const judge = new ShardJudge(1, (promise) => objections.push(promise));
  const look = (calmMs: number) => judge.look(calmMs, () => ({ clockMs: 0, atMs: 0, steps: 0 }));
  judge.lost(true, 0);
  judge.lost(false, 0);
  look(11_000);
  assert.deepEqual(objections, []);
  judge.lost(true, 20_000);
  look(31_000);
  assert.deepEqual(objections, ["P8"]);
});
