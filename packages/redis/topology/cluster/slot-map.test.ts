import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { movedTo, nameOf, slotMapIn } from "./slot-map.ts";

const asked = { host: "seed.example", port: 6379 };

describe("a slot map", () => {
  test("knows the primary of each slot that has one, and all nodes", () => {
    const map = slotMapIn(
      [
        [0, 99, ["10.0.0.1", 7000, "a", []], ["10.0.0.2", 7000, "b", []]],
        [200, 200, ["10.0.0.3", 7001, "c", []]],
      ],
      asked,
    );
    assert.deepEqual(map.primaryOf(99), { host: "10.0.0.1", port: 7000 });
    assert.equal(map.primaryOf(100), undefined);
    assert.deepEqual(map.primaryOf(200), { host: "10.0.0.3", port: 7001 });
    assert.deepEqual(map.nodes.map(nameOf), ["10.0.0.1:7000", "10.0.0.2:7000", "10.0.0.3:7001"]);
  });

  test("takes a node that leaves out its name for the one that was asked, and passes over one that has none", () => {
    const map = slotMapIn(
      [
        [0, 9, [null, 7000, "a"], ["?", 7001, "b"]],
        [10, 19, ["", 7002, "c"]],
        [20, 29, ["?", 1, "d"]],
      ],
      asked,
    );
    assert.deepEqual(map.primaryOf(0), { host: "seed.example", port: 7000 });
    assert.deepEqual(map.primaryOf(10), { host: "seed.example", port: 7002 });
    assert.equal(map.primaryOf(20), undefined);
    assert.equal(map.nodes.length, 2);
  });
});

test("where a slot went is read from MOVED, and from nothing else", () => {
  assert.deepEqual(movedTo("MOVED 3999 127.0.0.1:6381", asked), { host: "127.0.0.1", port: 6381 });
  assert.deepEqual(movedTo("MOVED 3999 :6381", asked), { host: "seed.example", port: 6381 });
  assert.deepEqual(movedTo("MOVED 3999 ::1:6381", asked), { host: "::1", port: 6381 });
  assert.equal(movedTo("ASK 3999 127.0.0.1:6381", asked), undefined);
});

test("a node with an IPv6 address is named in brackets", () => {
  assert.equal(nameOf({ host: "::1", port: 6379 }), "[::1]:6379");
});
