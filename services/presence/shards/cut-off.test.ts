import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CutOff } from "./cut-off.ts";

function scene() {
  const seen = { ticksWorked: 0, sentAway: 0 };
  const cutOff = new CutOff({ ticksWorked: () => seen.ticksWorked, onCutOff: () => seen.sentAway++ });
  const look = (times: number) => {
    for (let time = 0; time < times; time++) cutOff.look();
    return cutOff.isCutOff;
  };
  return { seen, look };
}

describe("a node is cut off from the store", () => {
  test("when no tick has worked for 50 looks, and is not any more with the first that does", () => {
    const { seen, look } = scene();
    seen.ticksWorked = 1;
    assert.equal(look(50), false, "the first look saw one");
    assert.equal(look(1), true);
    seen.ticksWorked = 2;
    assert.equal(look(1), false);
  });

  test("not while a tick of any shard works now and then", () => {
    const { seen, look } = scene();
    for (let round = 0; round < 5; round++) {
      seen.ticksWorked++;
      assert.equal(look(50), false);
    }
    assert.equal(seen.sentAway, 0);
  });

  test("and sends its callers away once each time, and never before it served them", () => {
    const { seen, look } = scene();
    assert.equal(look(100), true);
    assert.equal(seen.sentAway, 0);
    for (const times of [1, 2]) {
      seen.ticksWorked++;
      look(1_000);
      assert.equal(seen.sentAway, times);
    }
  });
});
