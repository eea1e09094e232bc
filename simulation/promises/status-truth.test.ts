import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { StatusTruth } from "./status-truth.ts";

const plain = ["available", "away"];

/** What may be seen of Ann, by a store that ticks once a second and whose clocks are right; loses its data where that is said. */
function truthAbout() {
  const times = { nowMs: 0, wallMs: 1_000_000, recoveringUntilMs: 0 };
  const truth = new StatusTruth({
    nowMs: () => times.nowMs,
    wallMs: () => times.wallMs,
    shardOf: () => 0,
    deadlineClockMs: () => times.nowMs,
    deadlineClocksMs: () => [times.nowMs],
    shardTick: () => ({ clockMs: times.nowMs, atMs: times.nowMs, steps: 0 }),
    recoveringUntilMs: () => times.recoveringUntilMs,
  });
  const status = (text: string, forMs = Number.POSITIVE_INFINITY) => ({
    ...{ availability: "busy", text, endsMs: times.wallMs + forMs, lastsMs: forMs },
  });
  const pass = (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      times.nowMs += 1_000;
      times.wallMs += 1_000;
      truth.look();
    }
  };
  const say = (claimId: string, saying: ReturnType<typeof status> | undefined) => {
    truth.asked("ann", claimId, saying);
    truth.answered("ann", claimId, saying, false);
  };
  const lose = () => {
    truth.lost();
    times.recoveringUntilMs = times.nowMs + 20_000;
  };
  const shown = () => [...truth.shown("ann")].sort();
  return { truth, times, status, pass, say, lose, shown };
}

describe("what people may see of a user", () => {
  test("is what was said and answered, until it is taken back; of two claims that of the user's own", () => {
    const { say, status, shown } = truthAbout();
    assert.deepEqual(shown(), plain);
    say("calendar", status("review"));
    assert.deepEqual(shown(), ["busy: review"]);
    say("self", status("lunch"));
    assert.deepEqual(shown(), ["busy: lunch"]);
    say("self", undefined);
    assert.deepEqual(shown(), ["busy: review"]);
  });

  test("is open while a call has no answer, and a minute longer where it never had one", () => {
    const { truth, say, status, pass, shown } = truthAbout();
    truth.asked("ann", "self", status("lunch"));
    assert.deepEqual(shown(), [...plain, "busy: lunch"]);
    say("self", status("review"));
    pass(59);
    assert.deepEqual(shown(), ["busy: lunch", "busy: review"]);
    pass(2);
    assert.deepEqual(shown(), ["busy: review"]);
  });

  test("is what was carried out late, for as long as nothing else is said", () => {
    const { truth, say, status, pass, shown } = truthAbout();
    say("calendar", status("call"));
    truth.asked("ann", "self", status("lunch"));
    truth.asked("ann", "self", undefined);
    say("self", status("review"));
    truth.logged("ann", "busy: lunch");
    pass(61);
    assert.deepEqual(shown(), ["busy: lunch", "busy: review"]);
    truth.asked("ann", "self", undefined);
    say("self", status("break"));
    truth.logged("ann", "busy: call");
    pass(61);
    assert.deepEqual(shown(), ["busy: break", "busy: call"]);
  });

  test("is nothing of what ended, once a tick had the time to end it", () => {
    const { times, say, status, pass, shown } = truthAbout();
    say("self", status("lunch", 10_000));
    pass(9);
    assert.deepEqual(shown(), ["busy: lunch"]);
    pass(2);
    assert.deepEqual(shown(), [...plain, "busy: lunch"]);
    pass(3);
    assert.deepEqual(shown(), plain);
    times.wallMs -= 60_000;
    pass(1);
    assert.deepEqual(shown(), plain, "what has ended does not come back with a clock that is stepped");
  });

  test("may be what is being said though its end had come, since a clock that is stepped back makes it good", () => {
    const { truth, times, status, pass, shown } = truthAbout();
    const lunch = status("lunch", 10_000);
    truth.asked("ann", "self", lunch);
    pass(20);
    assert.deepEqual(shown(), [...plain, "busy: lunch"]);
    times.wallMs -= 60_000;
    pass(1);
    truth.answered("ann", "self", lunch, false);
    pass(48);
    assert.deepEqual(shown(), ["busy: lunch"]);
    pass(5);
    assert.deepEqual(shown(), plain);
  });

  test("is open for as long as a clock was stepped back before a tick ended what was over", () => {
    const { times, say, status, pass, shown } = truthAbout();
    say("self", status("lunch", 10_000));
    pass(9);
    times.nowMs += 1_500;
    times.wallMs += 1_500 - 60_000;
    pass(10);
    assert.deepEqual(shown(), [...plain, "busy: lunch"]);
  });

  test("is open after a loss until it must have been said again; what was taken back may come back until its end", () => {
    const { say, status, pass, lose, shown } = truthAbout();
    say("self", status("lunch"));
    say("self", status("review"));
    say("calendar", status("call", 60_000));
    say("calendar", undefined);
    lose();
    assert.deepEqual(shown(), [...plain, "busy: call", "busy: lunch", "busy: review"]);
    pass(41);
    assert.deepEqual(shown(), ["busy: review"]);
    say("self", undefined);
    assert.deepEqual(shown(), [...plain, "busy: call"]);
    pass(25);
    assert.deepEqual(shown(), plain);
  });
});
