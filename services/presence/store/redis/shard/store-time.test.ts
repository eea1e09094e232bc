import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { StoreTime } from "./store-time.ts";

const nowUs = 1_790_000_000_000_000;

describe("a server's wall clock as a node reckons it", () => {
  test("runs on from when the tick was sent, rounded up: never behind the true one", () => {
    const time = new StoreTime();
    time.ticked(nowUs, 100.5);
    assert.equal(time.readUs(100.5), nowUs);
    assert.equal(time.readUs(350.7504), nowUs + 250_251);
  });

  test("tells also what it was before the tick", () => {
    const time = new StoreTime();
    time.ticked(nowUs, 5_000);
    assert.equal(time.readUs(4_000), nowUs - 1_000_000);
  });

  test("follows a clock that was stepped, either way", () => {
    const time = new StoreTime();
    time.ticked(nowUs, 0);
    time.ticked(nowUs - 40_000_000, 250);
    assert.equal(time.readUs(250), nowUs - 40_000_000);
    time.ticked(nowUs + 40_000_000, 500);
    assert.equal(time.readUs(500), nowUs + 40_000_000);
  });
});
