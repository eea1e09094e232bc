import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { beginLeadUs, beginOf, type ShardOrigin, type Witness, whyBegin } from "./recovery.ts";

const server = { runId: "run", replicationId: "repl" };
const origin: ShardOrigin = { ...server, incarnation: "two", begin: 1_000, lastVersion: 5_000 };
const why = (its: Partial<ShardOrigin>, witness: Witness) => whyBegin({ ...origin, ...its }, server, witness);

describe("a shard begins anew", () => {
  test("unless all is as the node saw it", () => {
    assert.equal(why({}, { incarnation: "two", version: 5_000 }), undefined);
    assert.equal(why({}, { incarnation: "", version: 9_000 }), undefined);
  });

  test("when nothing is there, or nothing says whose data it is", () => {
    assert.equal(whyBegin(undefined, server, { incarnation: "two", version: 0 }), "empty");
    assert.equal(whyBegin("unproven", server, { incarnation: "", version: 0 }), "unproven");
  });

  test("when another server answers, or the same one after it was a replica", () => {
    assert.equal(why({ runId: "other" }, { incarnation: "two", version: 0 }), "other_server");
    assert.equal(why({ replicationId: "other" }, { incarnation: "two", version: 0 }), "other_history");
  });

  test("when the log lacks what the node saw", () => {
    assert.equal(why({}, { incarnation: "two", version: 5_001 }), "behind");
  });

  test("when it is of another past than the node's, unless its begin is above all that the node saw", () => {
    assert.equal(why({}, { incarnation: "one", version: 999 }), undefined);
    assert.equal(why({}, { incarnation: "one", version: 1_000 }), "other_incarnation");
  });
});

test("a begin is ten seconds above all that is known (P3)", () => {
  const known = { nowUs: 4, lastVersion: 3, seenVersion: 2, begin: 1 };
  for (const name of ["nowUs", "lastVersion", "seenVersion", "begin"]) {
    assert.equal(beginOf({ ...known, [name]: 77 }), 77 + beginLeadUs);
  }
});
