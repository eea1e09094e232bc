import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { plainStatus } from "@realchat/presence-client";
import type { HiddenState } from "../privacy/policy-directory.ts";
import { answerOfAway, leaving } from "./away.ts";

const hidden: HiddenState = {
  ...{ sinceMs: 5_000, lastSeenMs: 5_000, deviceId: "phone", forgetMs: 9_000, shard: 3, version: 4_000_000 },
  status: { text: "lunch", untilMs: 7_000 },
};
const bob = { userId: "bob", shard: 3 };
const answerAt = (nowMs: number, dataSince = 0) => answerOfAway(hidden, bob, { dataSince, nowMs });
const nobody = { ...plainStatus(false) };

describe("a user who hides is answered for as one who logged out then", () => {
  test("with last seen until presence would have forgotten it, and the text until it is over", () => {
    const { online, lastSeenMs, status, devices, cause, version } = answerAt(6_999);
    assert.deepEqual(
      [online, lastSeenMs, status.text, devices, cause, version],
      [false, 5_000, "lunch", [], 0, 4_000_000],
    );
    assert.deepEqual(answerAt(7_000).status, nobody);
    assert.deepEqual([answerAt(8_999).lastSeenMs, answerAt(9_000).lastSeenMs], [5_000, 0]);
  });

  test("with nothing once presence lost all that it knew then", () => {
    assert.equal(answerAt(6_000, 4_000_000).lastSeenMs, 5_000);
    const { version, lastSeenMs, status } = answerAt(6_000, 4_000_001);
    assert.deepEqual([lastSeenMs, status], [0, nobody]);
    assert.ok(version > 4_000_001, "it is told after all of before");
  });

  test("and of one who hides from some they learn nothing at all", () => {
    const { lastSeenMs, status, online } = answerOfAway(undefined, bob, { dataSince: 0, nowMs: 6_000 });
    assert.deepEqual([lastSeenMs, status, online], [0, nobody, false]);
  });

  test("who was online is told to have logged out; of one who was away, nothing changes", () => {
    const online = { ...answerAt(6_000), online: true };
    const { cause, deviceId, atUs } = leaving(answerAt(6_000), hidden, online);
    assert.deepEqual([cause, deviceId, atUs], [3, "phone", 5_000_000]);
    const before = { ...answerAt(6_000), cause: 5, deviceId: "tv", atUs: 1_000_000 };
    const away = leaving(answerAt(6_000), hidden, before);
    assert.deepEqual([away.cause, away.deviceId, away.atUs], [5, "tv", 1_000_000]);
  });
});
