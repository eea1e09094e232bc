import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { seed } from "@realchat/presence-testing";
import fc from "fast-check";
import { away, ScriptedPresence } from "../testing/scripted-presence.ts";
import type { KeeperLimits, SessionKeeperOptions } from "./keeper-options.ts";
import { SessionKeeper } from "./session-keeper.ts";

interface Keeping extends Partial<KeeperLimits> {
  readonly hasLeases?: boolean;
  readonly statuses?: SessionKeeperOptions["statuses"];
  readonly leases?: boolean;
}

function keeping({ hasLeases = false, leases = true, statuses, ...limits }: Keeping = {}) {
  const clock = new FakeClock();
  const presence = new ScriptedPresence(clock, { hasLeases });
  const keeper = new SessionKeeper({ channels: presence, instanceId: "gw-1", clock, limits, leases, statuses });
  const open = (userId = "alice") => keeper.open({ userId, deviceId: "phone" });
  /** What presence knows of the user's only session; 0: somebody uses the device. */
  const known = (userId = "alice") =>
    presence.activities.get(presence.tokens.get(`${userId}\0phone`) ?? "")?.idleSinceMs;
  const agoMs = (ms: number) => clock.nowUs() / 1_000 - ms;
  return { clock, presence, keeper, open, known, agoMs };
}

async function drained(keeper: SessionKeeper, clock: FakeClock): Promise<void> {
  const drain = keeper.drain();
  await clock.advance(10_000);
  await drain;
}

const minuteMs = 60_000;

describe("what a session says of its activity", () => {
  test("is told with its registration, and nothing where nothing was said", async () => {
    const { clock, presence, open, known, agoMs } = keeping();
    const sinceMs = agoMs(5 * minuteMs);
    open("alice").setActivity({ idleSinceMs: sinceMs });
    open("bob").setActivity("active");
    open("cid");
    await clock.advance(minuteMs);
    assert.deepEqual(["alice", "bob", "cid"].map(known), [sinceMs, 0, undefined]);
    assert.equal(presence.ofKind("activity").length, 0);
  });

  test("is told at once later, each time with a higher sequence; what presence knows is not told", async () => {
    const { clock, presence, open, known, agoMs } = keeping();
    const handle = open();
    await clock.advance(10_000);
    handle.setActivity("active");
    await clock.advance(0);
    assert.equal(known(), 0);
    handle.setActivity("active");
    await clock.advance(minuteMs);
    const sinceMs = agoMs(3 * minuteMs);
    handle.setActivity({ idleSinceMs: sinceMs });
    await clock.advance(0);
    assert.equal(known(), sinceMs);
    handle.setActivity({ idleSinceMs: sinceMs + 10 });
    await clock.advance(minuteMs);
    const calls = presence.ofKind("activity");
    assert.deepEqual(
      calls.map(({ request }) => request.sequence),
      [1, 2],
    );
    assert.equal(calls[0]?.request.sessionId, handle.sessionId);
  });

  test("idle since a moment ago is told once it is a minute; if the device is used before, not at all", async () => {
    const { clock, presence, open, known, agoMs } = keeping();
    const handle = open();
    handle.setActivity("active");
    await clock.advance(1_000);
    const sinceMs = agoMs(0);
    handle.setActivity({ idleSinceMs: sinceMs });
    await clock.advance(50_000);
    assert.deepEqual([known(), presence.ofKind("activity").length], [0, 0]);
    await clock.advance(20_000);
    assert.equal(known(), sinceMs);
    handle.setActivity("active");
    await clock.advance(10_000);
    handle.setActivity({ idleSinceMs: agoMs(0) });
    await clock.advance(50_000);
    handle.setActivity("active");
    await clock.advance(5 * minuteMs);
    assert.equal(known(), 0);
    assert.equal(presence.ofKind("activity").length, 2);
  });

  test("again and again is told every five seconds at most, and the last of it for certain", async () => {
    const { clock, presence, open, known, agoMs } = keeping();
    const handle = open();
    for (let turn = 0; turn < 300; turn++) {
      handle.setActivity(turn % 2 === 0 ? "active" : { idleSinceMs: agoMs(10 * minuteMs) });
      await clock.advance(100);
    }
    assert.ok(presence.ofKind("activity").length <= 7, `${presence.ofKind("activity").length} calls in 30 s`);
    const sinceMs = agoMs(20 * minuteMs);
    handle.setActivity({ idleSinceMs: sinceMs });
    await clock.advance(10_000);
    assert.equal(known(), sinceMs);
  });

  test("by many at once goes at a bounded rate", async () => {
    const { clock, presence, keeper, open } = keeping({ callsPerSecond: 40 });
    const handles = Array.from({ length: 100 }, (_, user) => open(`u${user}`));
    await clock.advance(10_000);
    for (const handle of handles) handle.setActivity("active");
    await clock.advance(1_000);
    const { length } = presence.ofKind("activity");
    assert.ok(length >= 5 && length <= 15, `${length} calls in a second`);
    const { used, limit } = keeper.metrics().bounds.activities;
    assert.deepEqual([used, limit], [100 - length, 100_000]);
    await clock.advance(20_000);
    assert.equal(keeper.metrics().activitiesTold, 100);
  });

  test("is in use however far presence's clock is ahead, and a minute after that idle however far it is", async () => {
    const { clock, presence, open, known, agoMs } = keeping();
    presence.aheadMs = 10 * minuteMs;
    open("alice").setActivity("active");
    const bob = open("bob");
    const sinceMs = agoMs(0);
    bob.setActivity({ idleSinceMs: sinceMs });
    await clock.advance(minuteMs);
    assert.deepEqual(["alice", "bob"].map(known), [0, 0]);
    await clock.advance(10_000);
    assert.deepEqual(["alice", "bob"].map(known), [0, sinceMs]);
  });

  test("is idle, too, where presence's clock is a minute behind: it is told once more", async () => {
    const { clock, presence, open, known, agoMs } = keeping();
    presence.aheadMs = -minuteMs;
    const handle = open();
    handle.setActivity("active");
    await clock.advance(1_000);
    const sinceMs = agoMs(0);
    handle.setActivity({ idleSinceMs: sinceMs });
    await clock.advance(2 * minuteMs);
    assert.equal(known(), 0);
    await clock.advance(8 * minuteMs);
    assert.deepEqual([known(), presence.ofKind("activity").length], [sinceMs, 2]);
  });

  test("is told by the clock as it is now, if that was stepped since", async () => {
    for (const byMs of [-10 * minuteMs, 10 * minuteMs]) {
      const { clock, presence, keeper, open, known, agoMs } = keeping();
      open("alice").setActivity("active");
      open("bob").setActivity({ idleSinceMs: agoMs(3 * minuteMs) });
      open("cid").setActivity({ idleSinceMs: agoMs(0) });
      await clock.advance(1_000);
      clock.stepWall(byMs);
      presence.lose();
      await clock.advance(30_000);
      const bobMs = agoMs(3 * minuteMs + 31_000);
      assert.deepEqual(["alice", "bob", "cid"].map(known), [0, bobMs, 0], `stepped by ${byMs} ms`);
      await clock.advance(40_000);
      assert.deepEqual(["alice", "bob", "cid"].map(known), [0, bobMs, agoMs(71_000)]);
      await drained(keeper, clock);
    }
  });

  test("is told again when presence lost the session", async () => {
    for (const hasLeases of [false, true]) {
      const { clock, presence, keeper, open, known, agoMs } = keeping({ hasLeases });
      const handle = open();
      const sinceMs = agoMs(10 * minuteMs);
      handle.setActivity({ idleSinceMs: sinceMs });
      await clock.advance(1_000);
      presence.lose();
      await clock.advance(30_000);
      assert.equal(known(), sinceMs, hasLeases ? "by its verification" : "by its registration");
      assert.equal(presence.ofKind("activity").length, hasLeases ? 1 : 0);
      await drained(keeper, clock);
    }
  });

  test("is told again after a loss that the session outlived, under a lease or not; and so are statuses", async () => {
    for (const leases of [true, false]) {
      let losses = 0;
      const statuses = { sayAgain: () => losses++ };
      const { clock, presence, keeper, open, known, agoMs } = keeping({ hasLeases: true, leases, statuses });
      const sinceMs = agoMs(10 * minuteMs);
      open("alice").setActivity({ idleSinceMs: sinceMs });
      open("bob");
      await clock.advance(30_000);
      presence.loseActivities();
      await clock.advance(30_000);
      assert.deepEqual([known("alice"), known("bob"), losses], [sinceMs, undefined, 1], `leases: ${leases}`);
      assert.equal(presence.ofKind("register").length, 2);
      await clock.advance(5 * minuteMs);
      assert.deepEqual([presence.ofKind("activity").length, losses], [1, 1]);
      await drained(keeper, clock);
    }
  });

  test("is told again after a loss, too, of those whose turn to be verified comes just then", async () => {
    const { clock, presence, keeper, open, known, agoMs } = keeping({ hasLeases: true });
    presence.verifyIntervalMs = 6_000;
    await clock.advance(10);
    const sinceMs = agoMs(10 * minuteMs);
    const users = Array.from({ length: 40 }, (_, index) => `user-${index}`);
    for (const user of users) open(user).setActivity({ idleSinceMs: sinceMs });
    await clock.advance(30_000);
    presence.loseActivities();
    await clock.advance(30_000);
    assert.deepEqual(
      users.filter((user) => known(user) !== sinceMs),
      [],
    );
    await drained(keeper, clock);
  });

  test("finds out that the session is gone as a heartbeat does", async () => {
    const { clock, presence, open, known } = keeping();
    const handle = open();
    await clock.advance(100);
    presence.lose();
    handle.setActivity("active");
    await clock.advance(100);
    assert.equal(handle.state, "online");
    assert.equal(known(), 0);
    assert.equal(presence.ofKind("register").length, 2);
  });

  test("costs an older presence one call a minute", async () => {
    const { clock, presence, open, known } = keeping();
    presence.hasStatuses = false;
    const handles = Array.from({ length: 50 }, (_, user) => open(`u${user}`));
    await clock.advance(1_000);
    for (const handle of handles) handle.setActivity("active");
    await clock.advance(5 * minuteMs);
    const { length } = presence.ofKind("activity");
    assert.ok(length >= 4 && length <= 6, `${length} calls in 5 min`);
    presence.hasStatuses = true;
    await clock.advance(2 * minuteMs);
    assert.ok(handles.every(({ userId }) => known(userId) === 0));
  });

  test("is refused, by name, when it is no time", () => {
    const { open } = keeping();
    const handle = open();
    assert.throws(() => handle.setActivity({ idleSinceMs: Number.NaN }), {
      code: "INVALID_ARGUMENT",
      message: /^idleSinceMs is NaN: give the time/,
    });
  });
});

const step = fc.oneof(
  fc.constant({ kind: "active" } as const),
  fc.record({ kind: fc.constant("idle" as const), agoMs: fc.integer({ min: 0, max: 200_000 }) }),
  fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 30_000 }) }),
  fc.constantFrom(...(["lose", "break", "mend"] as const)).map((kind) => ({ kind })),
);

test("whatever happens, presence knows in the end what the session said last, by few calls", async () => {
  const check = async (
    hasLeases: boolean,
    steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[],
  ) => {
    const { clock, presence, keeper, open, known, agoMs } = keeping({ hasLeases });
    const handle = open();
    let lastMs: number | undefined;
    for (const one of steps) {
      if (one.kind === "wait") await clock.advance(one.ms);
      if (one.kind === "lose") presence.lose();
      if (one.kind === "break")
        presence.fault = ({ kind }) => (kind === "activity" ? { when: "after", error: away } : undefined);
      if (one.kind === "mend") presence.fault = () => undefined;
      if (one.kind === "active") lastMs = 0;
      if (one.kind === "idle") lastMs = agoMs(one.agoMs);
      if (one.kind === "active") handle.setActivity("active");
      if (one.kind === "idle") handle.setActivity({ idleSinceMs: lastMs ?? 0 });
    }
    presence.fault = () => undefined;
    await clock.advance(150_000);
    assert.equal(
      Math.abs((known() ?? Number.NaN) - (lastMs ?? Number.NaN)) < 1_000,
      lastMs !== undefined,
      `${known()} ${lastMs}`,
    );
    const calls = presence.ofKind("activity");
    for (const [index, { atMs, request }] of calls.entries()) {
      const before = calls[index - 1];
      if (before === undefined) continue;
      assert.ok(atMs - before.atMs >= 5_000, `two calls within ${atMs - before.atMs} ms`);
      assert.ok(request.sequence > before.request.sequence);
    }
    await drained(keeper, clock);
  };
  const property = fc.asyncProperty(fc.boolean(), fc.array(step, { maxLength: 12 }), check);
  await fc.assert(property, { seed: seed(), numRuns: 40 });
});
