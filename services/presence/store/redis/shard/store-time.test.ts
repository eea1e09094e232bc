import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { StoreTime } from "./store-time.ts";

const nowUs = 1_790_000_000_000_000;
/** Of both clocks, so much later. */
const reading = (laterUs = 0) => ({ nowUs: nowUs + laterUs, aheadUs: 0, orderUs: nowUs + laterUs });

describe("a server's wall clock as a node reckons it", () => {
  test("runs on from when the tick was sent, rounded up: never behind the true one", () => {
    const time = new StoreTime();
    time.ticked(reading(), 100.5, 102);
    assert.equal(time.readUs(100.5), nowUs);
    assert.equal(time.readUs(350.7504), nowUs + 250_251);
  });

  test("tells also what it was before the tick", () => {
    const time = new StoreTime();
    time.ticked(reading(), 5_000, 5_001);
    assert.equal(time.readUs(4_000), nowUs - 1_000_000);
  });

  test("follows a clock that was stepped, either way", () => {
    const time = new StoreTime();
    time.ticked(reading(), 0, 1);
    time.ticked(reading(-40_000_000), 250, 251);
    assert.equal(time.readUs(250), nowUs - 40_000_000);
    time.ticked(reading(40_000_000), 500, 501);
    assert.equal(time.readUs(500), nowUs + 40_000_000);
  });
});

describe("an order clock as a node reckons it", () => {
  test("runs on from when the tick was answered: never ahead of the true one", () => {
    const time = new StoreTime();
    assert.equal(time.orderUs(100), 0);
    time.ticked(reading(), 100, 105);
    assert.deepEqual([time.orderUs(105), time.orderUs(101), time.orderUs(355)], [nowUs, nowUs, nowUs + 250_000]);
  });

  test("makes up for a jump at half the speed", () => {
    const time = new StoreTime();
    time.ticked({ nowUs, aheadUs: 0, orderUs: nowUs + 10_000_000 }, 0, 0);
    assert.equal(time.orderUs(4_000), nowUs + 12_000_000);
    assert.equal(time.orderUs(30_000), nowUs + 30_000_000);
  });
});
