import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ReckonedClock } from "./reckoned-clock.ts";

describe("a shard's clock as a node reckons it", () => {
  test("is unknown before the first tick", () => {
    const clock = new ReckonedClock(1_000);
    assert.equal(clock.readMs(0), undefined);
    assert.equal(clock.highestMs, 0);
  });

  test("runs on from when the tick was sent, rounded up: never behind the true one (P1)", () => {
    const clock = new ReckonedClock(1_000);
    clock.ticked(5_000, 100);
    assert.equal(clock.readMs(100), 5_000);
    assert.equal(clock.readMs(350.2), 5_251);
  });

  test("is good for no longer than the shard's clock runs on without a tick (P6)", () => {
    const clock = new ReckonedClock(1_000);
    clock.ticked(5_000, 100);
    assert.equal(clock.readMs(1_100), 6_000);
    assert.equal(clock.readMs(1_100.5), undefined);
    clock.ticked(5_800, 1_200);
    assert.equal(clock.readMs(1_300), 5_900);
  });

  test("is unknown once the connection was lost, but not forgotten", () => {
    const clock = new ReckonedClock(1_000);
    clock.ticked(5_000, 100);
    clock.interrupted();
    assert.equal(clock.readMs(101), undefined);
    assert.equal(clock.highestMs, 5_000);
  });

  test("follows a clock that another node started lower, and remembers where it was", () => {
    const clock = new ReckonedClock(1_000);
    clock.ticked(5_000, 100);
    clock.ticked(200, 300);
    assert.equal(clock.readMs(300), 200);
    assert.equal(clock.highestMs, 5_000);
  });

  test("has a bound that needs no connection and no tick: it runs no faster than time (P1)", () => {
    const clock = new ReckonedClock(1_000);
    assert.equal(clock.boundMs(0), undefined);
    clock.ticked(5_000, 100);
    clock.interrupted();
    assert.equal(clock.boundMs(9_100.2), 14_001);
  });
});
