import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { beginLeadUs, beginOf, type ShardOrigin, type Witness, whyBegin } from "./recovery.ts";

const server = { runId: "run", replicationId: "repl" };
const origin: ShardOrigin = { ...server, incarnation: "two", born: 1_000, lastVersion: 5_000 };
const saw = (incarnation: string, version: number, tickedVersion = version): Witness => ({
  incarnation,
  tickedVersion,
  version,
});
const why = (its: Partial<ShardOrigin>, witness: Witness) => whyBegin({ ...origin, ...its }, server, witness);

describe("a shard begins anew", () => {
  test("unless all is as the node saw it", () => {
    assert.equal(why({}, saw("two", 5_000)), undefined);
    assert.equal(why({}, saw("", 9_000)), undefined);
  });

  test("when nothing is there, or nothing says whose data it is", () => {
    assert.equal(whyBegin(undefined, server, saw("two", 0)), "empty");
    assert.equal(whyBegin("unproven", server, saw("", 0)), "unproven");
  });

  test("when another server answers, or the same one after it was a replica", () => {
    assert.equal(why({ runId: "other" }, saw("two", 0)), "other_server");
    assert.equal(why({ replicationId: "other" }, saw("two", 0)), "other_history");
  });

  test("when the log lacks what the node saw", () => {
    assert.equal(why({}, saw("two", 5_001, 4_000)), "behind");
  });

  test("when it is of another past than the node's, unless it was born above all that the node saw", () => {
    assert.equal(why({}, saw("one", 999)), undefined);
    assert.equal(why({}, saw("one", 1_000)), "other_incarnation");
  });

  test("once, though a node hears of what came after the begin of another before its own tick", () => {
    assert.equal(why({}, saw("one", 5_000, 999)), undefined);
  });
});

test("a begin is ten seconds above all that is known (P3)", () => {
  const known = { nowUs: 4, lastVersion: 3, seenVersion: 2, begin: 1 };
  for (const name of ["nowUs", "lastVersion", "seenVersion", "begin"]) {
    assert.equal(beginOf({ ...known, [name]: 77 }), 77 + beginLeadUs);
  }
});
