import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultLimits } from "../limits.ts";
import { Liveness, atRest as quiet, type Signs } from "./liveness.ts";

const limits = { ...defaultLimits, idleTimeoutMs: 0 };

test("a caller that does not greet has ten seconds", () => {
  const liveness = new Liveness(limits, 0);
  assert.equal(liveness.judge(10_000, { ...quiet, isGreeted: false }), undefined);
  assert.equal(liveness.judge(10_001, { ...quiet, isGreeted: false }), "prefaceTimeoutMs");
});

test("a frame that does not end, and output that nobody takes, have twenty seconds; progress starts them anew", () => {
  for (const [stuck, moved] of [
    [{ framesRead: 7 }, { framesRead: 8 }],
    [
      { bytesWaiting: 5, bytesTaken: 7 },
      { bytesWaiting: 5, bytesTaken: 8 },
    ],
  ]) {
    const liveness = new Liveness(limits, 0);
    const judge = (nowMs: number, signs: Partial<Signs> = {}) => {
      liveness.heard(nowMs);
      return liveness.judge(nowMs, { ...quiet, ...signs });
    };
    assert.equal(judge(0, stuck), undefined);
    assert.equal(judge(15_000, moved), undefined);
    assert.equal(judge(35_000, moved), undefined);
    assert.equal(judge(35_001, moved), "progressTimeoutMs");
    assert.equal(judge(36_000), undefined);
    assert.equal(judge(60_000, stuck), undefined);
  }
});

test("a block of fields that was begun has twenty seconds, however many frames come of it", () => {
  const liveness = new Liveness(limits, 0);
  const judge = (nowMs: number, framesRead: number) => {
    liveness.heard(nowMs);
    return liveness.judge(nowMs, { ...quiet, framesRead, blockBegunMs: 1_000 });
  };
  assert.equal(judge(21_000, 1), undefined);
  assert.equal(judge(21_001, 2), "progressTimeoutMs");
});

test("silence is asked about after thirty seconds, and believed ten seconds later", () => {
  const liveness = new Liveness(limits, 0);
  assert.equal(liveness.judge(29_999, quiet), undefined);
  assert.equal(liveness.judge(30_000, quiet), "ping");
  assert.equal(liveness.judge(40_000, quiet), undefined);
  liveness.heard(40_000);
  assert.equal(liveness.judge(69_999, quiet), undefined);
  assert.equal(liveness.judge(70_000, quiet), "ping");
  assert.equal(liveness.judge(80_001, quiet), "keepaliveTimeoutMs");
});

test("a connection without calls may be told to go; its calls keep it", () => {
  const liveness = new Liveness({ ...limits, idleTimeoutMs: 5_000, keepaliveTimeMs: 1e9 }, 0);
  assert.equal(liveness.judge(5_000, quiet), undefined);
  assert.equal(liveness.judge(9_000, { ...quiet, isOccupied: true }), undefined);
  liveness.becameIdle(9_000);
  assert.equal(liveness.judge(14_000, quiet), undefined);
  assert.equal(liveness.judge(14_001, quiet), "idleTimeoutMs");
});

test("after the farewell a caller has a second to close", () => {
  const liveness = new Liveness(limits, 0);
  const leaving = { ...quiet, isClosing: true };
  assert.equal(liveness.judge(100, leaving), undefined);
  assert.equal(liveness.judge(1_100, leaving), undefined);
  assert.equal(liveness.judge(1_101, leaving), "closed");
});
