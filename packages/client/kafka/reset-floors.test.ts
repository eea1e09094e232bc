import assert from "node:assert/strict";
import { test } from "node:test";
import { ResetFloors } from "./reset-floors.ts";

test("each shard has a floor in each partition, which only rises", () => {
  const floors = new ResetFloors();
  assert.equal(floors.of(1, 2), 0);
  assert.ok(floors.read(2, 1, 100, 0));
  assert.ok(!floors.read(2, 1, 100, 0), "a repetition");
  assert.ok(!floors.read(2, 1, 90, 0), "an older one");
  assert.deepEqual([floors.of(1, 2), floors.of(1, 1), floors.of(2, 2)], [100, 0, 0]);
  assert.ok(floors.read(2, 1, 110, 0));
  assert.equal(floors.of(1, 2), 110);
});

test("who is in no known partition has the floor that all have reached", () => {
  const floors = new ResetFloors();
  floors.read(0, 1, 200, 0);
  assert.equal(floors.everywhere(1, 2), 0);
  floors.read(1, 1, 100, 0);
  assert.equal(floors.everywhere(1, 2), 100);
  floors.read(1, 1, 300, 0);
  assert.equal(floors.everywhere(1, 2), 200);
  assert.equal(floors.everywhere(1, 3), 0, "a partition that was added");
  assert.equal(floors.everywhere(1, 0), 0);
});

test("a reset that some partition lacks is overdue once, also when another shard's is complete", () => {
  const floors = new ResetFloors();
  floors.read(0, 1, 100, 0);
  floors.read(0, 2, 100, 0);
  floors.read(1, 2, 100, 0);
  assert.equal(floors.takeOverdue(2, 29_999), undefined);
  assert.equal(floors.takeOverdue(2, 30_000), 1);
  assert.equal(floors.takeOverdue(2, 60_000), undefined);
  floors.read(0, 1, 200, 60_000);
  assert.equal(floors.takeOverdue(2, 89_999), undefined);
  assert.equal(floors.takeOverdue(2, 90_000), 1);
});

test("memory is bounded: of too many shards the one with the lowest begin is forgotten", () => {
  const floors = new ResetFloors();
  for (let shard = 0; shard < 1_024; shard++) floors.read(0, shard, 1_000 + shard, 0);
  floors.read(0, 5_000, 3_000, 0);
  assert.deepEqual([floors.of(0, 0), floors.of(1, 0), floors.of(5_000, 0)], [0, 1_001, 3_000]);
  assert.equal(floors.size, 1_024);
});
