import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Availability, isToldApart, plainStatus, type StatusClaim, saidBy, statusOf } from "./status.ts";

const nothing = { text: "", emoji: "", untilMs: 0 };

function claim(claimId: string, availability: Availability, fields: Partial<StatusClaim> = {}): StatusClaim {
  return { claimId, availability, text: "", emoji: "", expiresAtMs: 9_000, setAtMs: 1_000, ...fields };
}

describe("what claims say", () => {
  test("nothing without claims", () => {
    assert.deepEqual(saidBy([]), { ...nothing, availability: "UNSPECIFIED" });
  });

  test("the strongest automatic one decides; of equals that which was said last, then the larger id", () => {
    const ranked: Availability[] = ["AVAILABLE", "AWAY", "BUSY", "DO_NOT_DISTURB"];
    for (const [index, availability] of ranked.entries()) {
      const claims = ranked.slice(0, index + 1).map((each) => claim(each, each));
      assert.equal(saidBy(claims).availability, availability);
      assert.deepEqual(saidBy(claims.toReversed()), saidBy(claims));
    }
    const older = claim("z", "BUSY", { text: "older" });
    const newer = claim("a", "BUSY", { text: "newer", setAtMs: 2_000 });
    assert.equal(saidBy([older, newer]).text, "newer");
    const larger = claim("𝄞", "BUSY", { text: "larger" });
    const smaller = claim("～", "BUSY", { text: "smaller" });
    assert.equal(saidBy([larger, smaller]).text, "larger", "by code points, as Redis compares");
  });

  test("the user's own claim decides whatever others say, and speaks for itself", () => {
    const call = claim("call", "DO_NOT_DISTURB", { text: "in a call" });
    assert.deepEqual(saidBy([call, claim("self", "AVAILABLE", { expiresAtMs: 5_000 })]), {
      ...{ availability: "AVAILABLE", text: "", emoji: "", untilMs: 5_000 },
    });
    const onlyText = claim("self", "UNSPECIFIED", { text: "ask me", expiresAtMs: 5_000 });
    assert.deepEqual(saidBy([call, onlyText]), {
      ...{ availability: "DO_NOT_DISTURB", text: "ask me", emoji: "", untilMs: 5_000 },
    });
  });

  test("one that says no availability gives its text alone", () => {
    const said = saidBy([claim("music", "UNSPECIFIED", { emoji: "🎵" })]);
    assert.deepEqual(said, { availability: "UNSPECIFIED", text: "", emoji: "🎵", untilMs: 9_000 });
    assert.equal(statusOf(true, 0, said).availability, "AVAILABLE");
    assert.equal(statusOf(true, 500, said).availability, "AWAY");
  });
});

describe("the status", () => {
  const busy = { availability: "BUSY", text: "review", emoji: "", untilMs: 9_000 } as const;

  test("of who is offline is the text; without one nothing ends", () => {
    assert.deepEqual(statusOf(false, 500, busy), { ...busy, availability: "UNSPECIFIED", idleSinceMs: 0 });
    const silent = statusOf(false, 0, { ...busy, text: "" });
    assert.deepEqual(silent, { ...nothing, availability: "UNSPECIFIED", idleSinceMs: 0 });
    assert.deepEqual(silent, plainStatus(false));
  });

  test("of who is online and idle is away, unless a claim says otherwise", () => {
    const unsaid = { ...nothing, availability: "UNSPECIFIED" } as const;
    assert.deepEqual(statusOf(true, 0, unsaid), plainStatus(true));
    assert.deepEqual(statusOf(true, 500, unsaid), { ...nothing, availability: "AWAY", idleSinceMs: 500 });
    assert.deepEqual(statusOf(true, 500, busy), { ...busy, idleSinceMs: 500 });
  });

  test("is not told again for the time alone since when somebody is idle", () => {
    assert.equal(isToldApart(statusOf(true, 500, busy), statusOf(true, 0, busy)), false);
    assert.equal(isToldApart(statusOf(true, 0, busy), statusOf(true, 0, { ...busy, untilMs: 9_001 })), true);
  });
});
