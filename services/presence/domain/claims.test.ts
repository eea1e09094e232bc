import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type ClaimBook,
  claimMaxMs,
  decideClearStatus,
  decideSetStatus,
  endClaims,
  isForgettable,
  lastSaidMs,
  minuteMs,
  type NewClaim,
  turnMs,
} from "./claims.ts";
import { defaultRules } from "./rules.ts";

const nowMs = 1_790_000_000_000;

function request(fields: Partial<NewClaim> = {}): NewClaim {
  const nothing = { text: "", emoji: "", expiresAtMs: undefined, setAtMs: undefined };
  return { claimId: "self", availability: "BUSY", ...nothing, ...fields };
}

/** @param versionMs of the shard's next version: it may be ahead of the wall clock */
function moment(atMs: number, versionMs = atMs) {
  return { nowMs: atMs, nextVersion: versionMs * 1_000 };
}

function set(book: ClaimBook | undefined, fields: Partial<NewClaim> = {}, atMs = nowMs, versionMs = atMs): ClaimBook {
  const decision = decideSetStatus(book, request(fields), moment(atMs, versionMs), defaultRules);
  assert(decision.kind === "set", decision.kind);
  return decision.book;
}

function kindOf(book: ClaimBook, fields: Partial<NewClaim>, atMs = nowMs, versionMs = atMs): string {
  return decideSetStatus(book, request(fields), moment(atMs, versionMs), defaultRules).kind;
}

function clear(book: ClaimBook, claimId: string, atMs: number): ClaimBook {
  const cleared = decideClearStatus(book, { claimId, setAtMs: undefined }, moment(atMs), defaultRules);
  assert(cleared !== undefined);
  return cleared;
}

describe("claims", () => {
  test("a repetition keeps what it repeats, with its end", () => {
    for (const fields of [{}, { expiresAtMs: nowMs + 5_000 }]) {
      const book = set(undefined, fields);
      assert.equal(kindOf(book, fields, nowMs + 1_000), "kept");
      assert.equal(kindOf(book, { ...fields, text: "now" }, nowMs + 1_000), "set");
      assert.equal(kindOf(book, { ...fields, expiresAtMs: nowMs + 6_000 }, nowMs + 1_000), "set");
    }
    const ending = set(undefined, { expiresAtMs: nowMs + 5_000 });
    assert.equal(kindOf(ending, {}, nowMs + 1_000), "set", "from now on without an end");
  });

  test("what is cleared does not come back by what was said before, until it would have ended", () => {
    const book = set(undefined, { expiresAtMs: nowMs + 50_000 });
    const cleared = clear(book, "self", nowMs + 1_000);
    assert.equal(kindOf(cleared, { setAtMs: nowMs + 999 }, nowMs + 2_000), "kept");
    assert.equal(kindOf(cleared, { setAtMs: nowMs + 1_001 }, nowMs + 2_000), "set");
    assert.equal(kindOf(cleared, { setAtMs: nowMs + 999 }, nowMs + 50_000), "set");
    assert.equal(turnMs(cleared), nowMs + minuteMs, "by then it is forgotten");
    assert.equal(isForgettable(endClaims(cleared, nowMs + minuteMs), nowMs + minuteMs), true);
  });

  test("of cleared ones as many are remembered as a user may have", () => {
    let book: ClaimBook | undefined;
    for (let index = 0; index <= defaultRules.userMaxClaims; index++) {
      book = set(book, { claimId: `claim-${index}` }, nowMs + index * minuteMs);
      book = clear(book, `claim-${index}`, nowMs);
    }
    assert.deepEqual(book?.cleared.at(-1)?.claimId, "claim-1");
  });

  test("none lasts longer than the longest time, and a moment ahead is now", () => {
    const [claim] = set(undefined, { expiresAtMs: nowMs + 2 * claimMaxMs, setAtMs: nowMs + 7 }).claims;
    assert.deepEqual([claim?.expiresAtMs, claim?.setAtMs], [nowMs + claimMaxMs, nowMs]);
    assert.equal(kindOf(set(undefined), { expiresAtMs: nowMs }), "over");
  });

  test("what was said before a loss stays later than what came back, and earlier than what is said since", () => {
    const hourMs = 3_600_000;
    // The clock was stepped back by the loss; the shard began anew above all versions.
    const [atMs, beginMs] = [nowMs - hourMs, nowMs + 20_000];
    const older = set(undefined, { text: "older" });
    const again = set(older, { text: "said before the loss", setAtMs: nowMs + 10_000 }, atMs, beginMs);
    assert.deepEqual(again.claims[0]?.setAtMs, nowMs + 10_000);
    const since = set(undefined, { text: "said since" }, atMs, beginMs);
    assert.equal(kindOf(since, { text: "said before the loss", setAtMs: nowMs + 10_000 }, atMs, beginMs), "kept");
  });

  test("of what is said now each is later than all before, also while versions stand still", () => {
    let book = set(undefined, {}, nowMs - 5_000, nowMs);
    for (const claimId of ["calendar", "call", "self"]) {
      const before = lastSaidMs(book);
      book = set(book, { claimId, text: claimId }, nowMs - 5_000, nowMs);
      assert.equal(lastSaidMs(book), before + 1);
    }
    book = clear(book, "self", nowMs - 5_000);
    assert.equal(kindOf(book, { setAtMs: nowMs + 3 }, nowMs - 5_000, nowMs), "kept");
  });

  test("a clock that was stepped back refuses nobody for longer than a minute", () => {
    let book = set(undefined, {}, nowMs + 3_600_000);
    for (let index = 0; index < defaultRules.minuteMaxClaims; index++) book = set(book, { text: String(index) });
    assert.equal(kindOf(book, { text: "one more" }), "too-often");
    assert.equal(kindOf(book, { text: "one more" }, nowMs + minuteMs), "set");
  });
});
