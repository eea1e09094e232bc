import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { StatusJudge } from "./status-judge.ts";
import { StatusTruth } from "./status-truth.ts";

/** A judge of Ann's status, of whom it was said, with an answer, that she has lunch. */
function judged() {
  let nowMs = 0;
  const clock = {
    ...{ nowMs: () => nowMs, wallMs: () => nowMs, shardOf: () => 0, recoveringUntilMs: () => 0 },
    ...{ deadlineClockMs: () => nowMs, deadlineClocksMs: () => [nowMs] },
    shardTick: () => ({ clockMs: nowMs, atMs: nowMs, steps: 0 }),
  };
  const truth = new StatusTruth(clock);
  const lunch = {
    availability: "busy",
    text: "lunch",
    endsMs: Number.POSITIVE_INFINITY,
    lastsMs: Number.POSITIVE_INFINITY,
  };
  truth.asked("ann", "self", lunch);
  truth.answered("ann", "self", lunch, false);
  const objections: string[] = [];
  const bounds = { statusMs: 10_000, disturbedMs: 30_000 };
  const object = (_userId: string, message: string) => objections.push(message);
  const judge = new StatusJudge({ truth, useOf: () => "used", isRestating: () => false, clock, bounds, object });
  const log = (cause: "CONNECTED" | "STATUS", text: string) => {
    const status = { availability: "BUSY", text, emoji: "", untilMs: 0, idleSinceMs: 0 } as const;
    const who = { userId: "ann", online: true, deviceId: "", instanceId: "", lastSeenMs: 0, shard: 0 };
    judge.logged({ ...who, version: nowMs + 1, cause, status });
  };
  const pass = (ms: number) => {
    nowMs += ms;
    judge.look("ann");
  };
  const belief = { reader: { name: "the reader" }, userId: "ann", status: "busy: nap", wrongStatus: undefined };
  const read = (disturbances = 0) => judge.judge(belief, { calmMs: nowMs, disturbances });
  return { objections, truth, log, pass, belief, read };
}

describe("the judge of statuses", () => {
  test("objects to a change of status that tells nothing else than before", () => {
    const { objections, log } = judged();
    log("CONNECTED", "lunch");
    log("STATUS", "nap");
    assert.deepEqual(objections, []);
    log("STATUS", "nap");
    assert.deepEqual(objections, ["busy: nap is told twice"]);
  });

  test("objects once to a store that has what was not said", () => {
    const { objections, log, pass } = judged();
    log("CONNECTED", "nap");
    for (let look = 0; look < 5; look++) pass(1_000);
    assert.deepEqual(objections, ["the store has busy: nap, which is over, or was never said"]);
  });

  test("objects to a reader that shows who uses a device as idle, if nothing else is said", () => {
    const { objections, truth, pass, read, belief } = judged();
    truth.asked("ann", "self", undefined);
    truth.answered("ann", "self", undefined, false);
    belief.status = "available";
    read();
    pass(11_000);
    read();
    assert.deepEqual(objections, []);
    belief.status = "away";
    read();
    pass(11_000);
    read();
    assert.deepEqual(objections, ["the reader shows away for 11000 ms, which is not so"]);
  });

  test("objects once to a reader that shows it for longer than it may, which is longer where something was disturbed", () => {
    const { objections, pass, read, belief } = judged();
    for (let second = 0; second < 25; second++) {
      read(1);
      pass(1_000);
    }
    read(2);
    assert.deepEqual(objections, ["the reader shows busy: nap for 11000 ms, which is not so"]);
    belief.status = "busy: lunch";
    read(2);
    belief.status = "busy: nap";
    for (let second = 0; second < 25; second++) {
      read(3 + second);
      pass(1_000);
    }
    assert.equal(objections.length, 1);
  });
});
