import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { Oneself } from "./oneself.js";
import { PageClock } from "./testing/page-clock.ts";
import type { ClientFrame, OwnStatus } from "./types.d.ts";

const minuteMs = 60_000;
const dayMs = 86_400_000;

let clock: PageClock;
let said: ClientFrame[];
let oneself: Oneself;

beforeEach(() => {
  clock = new PageClock();
  said = [];
  oneself = new Oneself(clock, (frame) => void said.push(frame));
});

/** What is said from now on. */
function saidNow(): ClientFrame[] {
  return said.splice(0);
}

/** What others see while nothing is claimed. */
const plain = { availability: "available" } as const;
const meeting: OwnStatus = { availability: "busy", text: "In a meeting", emoji: "🗓️" };
const shown = { availability: "busy", status: { text: "In a meeting", emoji: "🗓️", until: 0 } } as const;

describe("a status", () => {
  beforeEach(() => {
    oneself.opened();
    oneself.hear(plain);
  });

  test("is said at once, and again after a reconnect that lost it, as of when it was said", async () => {
    oneself.say({ ...meeting, until: clock.now() + 60 * minuteMs });
    const [frame] = saidNow();
    assert.deepEqual(frame, { type: "status", ...meeting, until: clock.now() + 60 * minuteMs });
    oneself.hear(shown);
    await clock.advance(10 * minuteMs);
    oneself.opened();
    assert.deepEqual(saidNow(), []);
    oneself.hear(plain);
    assert.deepEqual(saidNow(), [{ ...frame, age: 10 * minuteMs }]);
    oneself.hear(shown);
    assert.deepEqual(saidNow(), []);
  });

  test("is not said again while the gateway shows it, nor because it changes elsewhere", () => {
    oneself.say(meeting);
    oneself.hear(shown);
    saidNow();
    oneself.hear({ availability: "away" });
    oneself.opened();
    oneself.hear(shown);
    assert.deepEqual(saidNow(), []);
  });

  test("of an availability alone is shown whatever a calendar's text says", () => {
    oneself.say({ availability: "away" });
    oneself.hear({ availability: "away", status: { text: "Stand-up" } });
    saidNow();
    oneself.opened();
    oneself.hear({ availability: "away", status: { text: "Stand-up" } });
    assert.deepEqual(saidNow(), []);
    oneself.opened();
    oneself.hear({ availability: "busy", status: { text: "Stand-up" } });
    assert.equal(saidNow().length, 1);
  });

  test("that is over is not said again, one without an end after 30 days", async () => {
    oneself.say({ ...meeting, until: clock.now() + minuteMs });
    oneself.hear(shown);
    saidNow();
    await clock.advance(minuteMs);
    oneself.opened();
    oneself.hear(plain);
    assert.deepEqual(saidNow(), []);

    oneself.say(meeting);
    oneself.hear(shown);
    saidNow();
    const endMs = clock.now() + 30 * dayMs;
    await clock.advance(30 * dayMs - 1);
    oneself.opened();
    oneself.hear(plain);
    assert.deepEqual(saidNow(), [{ type: "status", ...meeting, until: endMs, age: 30 * dayMs - 1 }]);
    await clock.advance(1);
    oneself.opened();
    oneself.hear(plain);
    assert.deepEqual(saidNow(), []);
  });

  test("that was set, or cleared, without a connection is said when there is one, the last one alone", () => {
    oneself.opened();
    oneself.say(meeting);
    oneself.say({ text: "Back soon" });
    assert.deepEqual(saidNow(), []);
    oneself.hear(plain);
    assert.partialDeepStrictEqual(saidNow(), [{ type: "status", text: "Back soon", age: 0 }]);
    oneself.hear({ ...plain, status: { text: "Back soon" } });

    oneself.opened();
    oneself.say({ clear: true });
    oneself.hear({ ...plain, status: { text: "Back soon" } });
    assert.partialDeepStrictEqual(saidNow(), [{ type: "status", clear: true, age: 0 }]);
  });

  test("that may not have arrived is said again, also when it takes back another", () => {
    oneself.say(meeting);
    oneself.hear(shown);
    oneself.say({ clear: true });
    saidNow();
    oneself.opened();
    oneself.hear(shown);
    assert.partialDeepStrictEqual(saidNow(), [{ type: "status", clear: true }]);
    oneself.hear(plain);
    oneself.opened();
    oneself.hear(plain);
    assert.deepEqual(saidNow(), []);
  });

  test("that was refused is not said again", () => {
    oneself.say(meeting);
    saidNow();
    oneself.hearRefusal({ what: "status", why: "text has 141 code points" });
    oneself.opened();
    oneself.hear(plain);
    assert.deepEqual(saidNow(), []);
  });

  test("is as old as nothing when the clock was set back", async () => {
    oneself.say(meeting);
    saidNow();
    clock.stepWall(-minuteMs);
    oneself.opened();
    oneself.hear(plain);
    assert.partialDeepStrictEqual(saidNow(), [{ type: "status", age: 0 }]);
  });
});

describe("privacy", () => {
  test("is said at once, and until the gateway tells oneself after it, with all that was changed", () => {
    oneself.opened();
    oneself.hear(plain);
    oneself.setPrivacy({ invisible: true });
    assert.deepEqual(saidNow(), [{ type: "privacy", invisible: true }]);
    oneself.opened();
    oneself.setPrivacy({ lastSeen: "contacts" });
    assert.deepEqual(saidNow().at(-1), { type: "privacy", invisible: true, lastSeen: "contacts" });
    oneself.hear(plain);
    oneself.opened();
    assert.equal(saidNow().length, 1, "the first of a connection may be from before");
    oneself.hear(plain);
    oneself.hear(plain);
    oneself.opened();
    assert.deepEqual(saidNow(), []);
  });

  test("that was refused is not said again", () => {
    oneself.setPrivacy({ invisible: true });
    saidNow();
    oneself.hearRefusal({ what: "privacy", why: "the organisation shows everybody" });
    oneself.opened();
    assert.deepEqual(saidNow(), []);
  });
});

describe("activity", () => {
  test("is said when it changes, and with every connection, since when the browser is idle", async () => {
    oneself.opened();
    assert.deepEqual(saidNow(), [], "nobody knows of it");
    oneself.setIdle(0);
    oneself.setIdle(0);
    assert.deepEqual(saidNow(), [{ type: "activity", idle: false, age: 0 }]);
    const idleSinceMs = clock.now();
    await clock.advance(5 * minuteMs);
    oneself.setIdle(idleSinceMs);
    assert.deepEqual(saidNow(), [{ type: "activity", idle: true, age: 5 * minuteMs }]);
    await clock.advance(minuteMs);
    oneself.opened();
    assert.deepEqual(saidNow(), [{ type: "activity", idle: true, age: 6 * minuteMs }]);
  });
});
