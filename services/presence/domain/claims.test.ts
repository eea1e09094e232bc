import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type ClaimBook,
  claimMaxMs,
  decideClearStatus,
  decideSetStatus,
  endClaims,
  isForgettable,
  minuteMs,
  type NewClaim,
  turnMs,
} from "./claims.ts";
import { defaultRules } from "./decisions.ts";

const nowMs = 1_790_000_000_000;

function request(fields: Partial<NewClaim> = {}): NewClaim {
  const nothing = { text: "", emoji: "", expiresAtMs: undefined, setAtMs: undefined };
  return { claimId: "self", availability: "BUSY", ...nothing, ...fields };
}

function set(book: ClaimBook | undefined, fields: Partial<NewClaim> = {}, atMs = nowMs): ClaimBook {
  const decision = decideSetStatus(book, request(fields), atMs, defaultRules);
  assert(decision.kind === "set", decision.kind);
  return decision.book;
}

function kindOf(book: ClaimBook, fields: Partial<NewClaim>, atMs = nowMs): string {
  return decideSetStatus(book, request(fields), atMs, defaultRules).kind;
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
    const cleared = decideClearStatus(book, { claimId: "self", setAtMs: undefined }, nowMs + 1_000, defaultRules);
    assert(cleared !== undefined);
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
      book = decideClearStatus(book, { claimId: `claim-${index}`, setAtMs: undefined }, nowMs, defaultRules);
    }
    assert.deepEqual(book?.cleared.at(-1)?.claimId, "claim-1");
  });

  test("none lasts longer than the longest time, and a moment ahead is now", () => {
    const [claim] = set(undefined, { expiresAtMs: nowMs + 2 * claimMaxMs, setAtMs: nowMs + 7 }).claims;
    assert.deepEqual([claim?.expiresAtMs, claim?.setAtMs], [nowMs + claimMaxMs, nowMs]);
    assert.equal(kindOf(set(undefined), { expiresAtMs: nowMs }), "over");
  });

  test("a clock that was stepped back refuses nobody for longer than a minute", () => {
    let book = set(undefined, {}, nowMs + 3_600_000);
    for (let index = 0; index < defaultRules.minuteMaxClaims; index++) book = set(book, { text: String(index) });
    assert.equal(kindOf(book, { text: "one more" }), "too-often");
    assert.equal(kindOf(book, { text: "one more" }, nowMs + minuteMs), "set");
  });
});
