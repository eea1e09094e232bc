import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pause } from "@realchat/presence-runtime/clock";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { PresenceClientError } from "../presence-client-error.ts";
import { ratePerSecond } from "../testing/rate.ts";
import { away, type Call, ScriptedPresence } from "../testing/scripted-presence.ts";
import type { KeeperLimits } from "./keeper-options.ts";
import { SessionKeeper } from "./session-keeper.ts";

/** By default nobody is verified but for a reason: the interval is long. */
async function keeping({ sessions = 0, hasLeases = true, verifyIntervalMs = 1e9, limits = {} }: Options = {}) {
  const clock = new FakeClock();
  const presence = new ScriptedPresence(clock, { hasLeases });
  presence.verifyIntervalMs = verifyIntervalMs;
  const keeper = new SessionKeeper({ channels: presence, instanceId: "gw-1", clock, limits });
  const open = (userId: string) => keeper.open({ userId, deviceId: "phone" });
  await clock.advance(10);
  const handles = Array.from({ length: sessions }, (_, user) => open(`user-${user}`));
  await clock.advance(2_000);
  /** The lease that was opened last. */
  const leaseId = () => presence.ofKind("open-lease").at(-1)?.request.leaseId ?? "";
  const verified = () => presence.ofKind("refresh").filter(({ request }) => request.leaseId !== "");
  return { clock, presence, keeper, open, handles, leaseId, verified };
}

const isOnline = ({ state }: { state: string }) => state === "online";
const underLease = ({ presence }: { presence: ScriptedPresence }, leaseId: string) =>
  [...presence.tokens.keys()].filter((key) => {
    const [userId = "", deviceId = ""] = key.split("\0");
    return presence.leaseOf({ userId, deviceId }) === leaseId;
  }).length;

describe("sessions under a lease", () => {
  test("have one heartbeat together, and each is verified once in the interval, evenly", async () => {
    const stage = await keeping({ sessions: 300, verifyIntervalMs: 300_000 });
    const { clock, presence, keeper, handles, leaseId, verified } = stage;
    assert.ok(handles.every(isOnline));
    assert.equal(underLease(stage, leaseId()), 300);
    presence.calls.length = 0;
    await clock.advance(300_000);
    const keeps = presence.ofKind("keep-lease").length;
    assert.ok(keeps >= 60 && keeps <= 81, `${keeps} of 60`);
    assert.equal(presence.ofKind("open-lease").length, 0);
    assert.equal(presence.beats.length, 300);
    assert.equal(verified().length, presence.ofKind("refresh").length);
    const times = verified().map(({ atMs }) => atMs);
    assert.ok(times.length <= 15, `${times.length} calls: those of twenty seconds go together`);
    assert.ok(ratePerSecond(times, clock.monotonicMs() - 300_000, clock.monotonicMs()).most <= 1);
    const { lease, heartbeats } = keeper.metrics();
    assert.deepEqual([lease.state, lease.sessions, lease.opens, lease.passes, heartbeats], ["open", 300, 1, 1, 0]);
  });

  test("are verified sooner where they fill a call", async () => {
    const { clock, presence, verified } = await keeping({
      ...{ sessions: 300, verifyIntervalMs: 300_000, limits: { batchMaxSessions: 5 } },
    });
    presence.calls.length = 0;
    await clock.advance(300_000);
    const sizes = verified().map(({ request }) => request.sessions.length);
    assert.equal(presence.beats.length, 300);
    assert.deepEqual([sizes.length, new Set(sizes)], [60, new Set([5])]);
  });

  test("a lease is another one at every start", async () => {
    const clock = new FakeClock();
    const presence = new ScriptedPresence(clock, { hasLeases: true });
    for (const _ of [1, 2]) new SessionKeeper({ channels: presence, instanceId: "gw-1", clock });
    await clock.advance(10);
    assert.equal(new Set(presence.ofKind("open-lease").map(({ request }) => request.leaseId)).size, 2);
  });

  test("one socket's end is told alone", async () => {
    const { clock, presence, handles } = await keeping({ sessions: 2 });
    await Promise.all([handles[0]?.close("connection-lost"), clock.advance(100)]);
    assert.deepEqual([presence.ofKind("unregister").length, presence.ofKind("close-lease").length], [1, 0]);
    await clock.advance(60_000);
    assert.ok(presence.beats.every(({ userId, atMs }) => userId === "user-1" || atMs < 100));
  });

  test("a session is not held up by a lease that is being opened: it has heartbeats of its own, and is moved", async () => {
    const { clock, presence, keeper, open, verified } = await keeping({ hasLeases: true });
    presence.loseLease(presence.ofKind("open-lease")[0]?.request.leaseId ?? "");
    presence.fault = ({ kind }: Call) => (kind === "open-lease" ? { when: "before", error: away } : undefined);
    const handle = open("alice");
    await clock.advance(200);
    assert.equal(handle.state, "online");
    const leases = presence.ofKind("register").map(({ request }) => request.leaseId !== "");
    assert.deepEqual(leases, [true, false], "its lease was missing, so it went without");
    await clock.advance(60_000);
    assert.ok(presence.beats.length >= 2);
    assert.equal(verified().length, 0);
    presence.fault = () => undefined;
    await clock.advance(10_000);
    assert.ok(presence.leaseOf(alice) !== undefined);
    presence.calls.length = 0;
    await clock.advance(60_000);
    assert.equal(presence.beats.length, 0, "no heartbeats any more");
    assert.deepEqual([keeper.metrics().lease.opens, keeper.metrics().returns], [2, 0]);
  });

  test("a lease that was lost is opened again, and presence brings back all its sessions (P1)", async () => {
    const stage = await keeping({ sessions: 500 });
    const { clock, presence, handles, leaseId, verified } = stage;
    presence.loseLease(leaseId());
    assert.equal(presence.tokens.size, 0);
    presence.calls.length = 0;
    await clock.advance(11_000);
    assert.equal(presence.ofKind("open-lease").length, 1);
    assert.equal(underLease(stage, leaseId()), 500);
    assert.deepEqual(
      [verified().flatMap(({ request }) => request.sessions).length, presence.ofKind("register").length],
      [500, 0],
    );
    assert.ok(handles.every(isOnline));
  });

  const doubts: Record<string, (stage: Stage) => void> = {
    "a shard began anew": ({ presence }) => void presence.begins++,
    "the machine was suspended": ({ clock }) => clock.suspend(20_000),
  };
  for (const [why, happen] of Object.entries(doubts)) {
    test(`all are verified when ${why}, though nothing is missing`, async () => {
      const stage = await keeping({ sessions: 100 });
      const { clock, presence } = stage;
      await clock.advance(10_000);
      happen(stage);
      presence.calls.length = 0;
      await clock.advance(11_000);
      assert.equal(new Set(presence.beats.map(({ userId }) => userId)).size, 100);
      assert.equal(presence.ofKind("open-lease").length, 0);
    });
  }

  test("verifying all is spread over five seconds, with at most 5,000 a second (P6)", async () => {
    for (const [sessions, seconds] of [
      [1_000, 5],
      [30_000, 6],
    ] as const) {
      const { clock, presence } = await keeping({ sessions, limits: { callsPerSecond: 1_000_000, callsMax: 50_000 } });
      presence.begins++;
      presence.calls.length = 0;
      await clock.advance(12_000);
      const times = presence.beats.map(({ atMs }) => atMs);
      assert.equal(times.length, sessions);
      const [first = 0, last = 0] = [times[0], times.at(-1)];
      assert.ok(last - first <= seconds * 1_000 + 100, `${last - first} ms`);
      assert.ok(ratePerSecond(times, first, last).most <= Math.min(5_500, sessions / 4));
    }
  });

  test("gateways that lost a shard together do not verify one session each in the same moment", async () => {
    const waits = new Set<number>();
    for (let seed = 1; seed <= 20; seed++) {
      const clock = new FakeClock({ seed });
      const presence = new ScriptedPresence(clock, { hasLeases: true });
      const keeper = new SessionKeeper({ channels: presence, instanceId: "gw-1", clock });
      await clock.advance(10);
      keeper.open(alice);
      await clock.advance(100);
      presence.begins++;
      await clock.advance(15_000);
      const keptMs = presence.ofKind("keep-lease")[0]?.atMs ?? 0;
      waits.add(Math.floor(((presence.beats.at(-1)?.atMs ?? 0) - keptMs) / 500));
    }
    assert.ok(waits.size >= 5, `20 gateways in ${waits.size} halves of a second`);
  });

  test("a verification that is under way starts over when the lease is opened again", async () => {
    const { clock, presence, leaseId } = await keeping({ sessions: 1_000 });
    presence.begins++;
    await clock.advance(8_000);
    presence.loseLease(leaseId());
    const openedMs = clock.monotonicMs();
    await clock.advance(11_000);
    const after = presence.calls.findIndex(({ kind, atMs }) => kind === "open-lease" && atMs > openedMs);
    const verified = presence.calls
      .slice(after)
      .flatMap(({ request }) => ("sessions" in request ? request.sessions : []));
    assert.equal(new Set(verified.map(({ userId }) => userId)).size, 1_000);
    assert.equal(presence.tokens.size, 1_000);
  });

  test("one whom presence cannot verify is asked again soon, and holds up no other", async () => {
    const { clock, presence, handles } = await keeping({ sessions: 100 });
    presence.unanswerable = ({ userId }) => userId === "user-7";
    presence.begins++;
    presence.calls.length = 0;
    await clock.advance(30_000);
    assert.equal(new Set(presence.beats.map(({ userId }) => userId)).size, 100);
    const asked = presence.beats.filter(({ userId }) => userId === "user-7").length;
    assert.ok(asked >= 4 && asked <= 30, `${asked} times`);
    assert.ok(presence.beats.length <= 99 + asked + 10);
    presence.unanswerable = () => false;
    await clock.advance(5_000);
    presence.calls.length = 0;
    await clock.advance(10_000);
    assert.ok(handles.every(isOnline) && presence.beats.length <= 4);
  });

  test("a lease that somebody else closed is given up for another one, and all are moved there (P1)", async () => {
    const stage = await keeping({ sessions: 200 });
    const { clock, presence, leaseId, keeper } = stage;
    const before = leaseId();
    presence.leases.set(before, "closed");
    await clock.advance(11_000);
    assert.notEqual(leaseId(), before);
    assert.equal(underLease(stage, leaseId()), 200);
    assert.equal(keeper.metrics().lease.closures, 1);
  });

  test("an outage is known by the lease's heartbeat alone, and so is its end", async () => {
    const { clock, presence, keeper } = await keeping({ sessions: 50 });
    presence.fault = () => ({ when: "before", error: away });
    await clock.advance(12_000);
    assert.equal(keeper.metrics().reachable, false);
    presence.calls.length = 0;
    await clock.advance(120_000);
    assert.ok(presence.calls.length <= 42, `${presence.calls.length} calls in two minutes`);
    presence.fault = () => undefined;
    await clock.advance(5_000);
    assert.deepEqual([keeper.metrics().reachable, keeper.metrics().outages], [true, 1]);
    await clock.advance(10_000);
    assert.equal(keeper.metrics().lease.passes, 2, "and all are verified: the lease went unkept for long");
  });
});

describe("notices", () => {
  test("of a session that was replaced elsewhere end it at once, whoever has it by then (P7)", async () => {
    const { clock, presence, keeper, handles } = await keeping({ sessions: 3 });
    const elsewhere = new SessionKeeper({ channels: presence, instanceId: "gw-2", clock });
    const [handle, other] = handles;
    const told: string[] = [];
    handle?.onSuperseded((by) => told.push(by));
    const ref = { userId: "user-0", deviceId: "phone", sessionId: handle?.sessionId ?? "" };
    elsewhere.open({ userId: "user-0", deviceId: "phone" });
    await clock.advance(20);
    presence.watches[0]?.notices.write({ superseded: [{ ...ref, userId: "user-1", sessionId: "of-before" }] });
    await clock.advance(20);
    assert.deepEqual([handle?.state, told, other?.state], ["superseded", ["newer-connection"], "online"]);
    assert.equal(keeper.metrics().lease.notices, 2);
  });

  test("of a session that an operator closed say why, and it is told no more", async () => {
    const { clock, presence, handles } = await keeping({ sessions: 2 });
    const [handle] = handles;
    const reasons: string[] = [];
    handle?.onForced(({ reason }) => reasons.push(reason));
    const closed = [{ userId: "user-0", deviceId: "phone", sessionId: handle?.sessionId ?? "" }];
    presence.watches[0]?.notices.write({ closed, closeReason: "stolen phone" });
    await clock.advance(20);
    await handle?.close("connection-lost");
    handle?.onForced(({ reason }) => reasons.push(reason));
    await clock.advance(20);
    assert.deepEqual([handle?.state, reasons], ["forced", ["stolen phone", "stolen phone"]]);
    assert.equal(presence.ofKind("unregister").length, 0);
    await assert.rejects(handle?.untilOnline() ?? Promise.resolve(), { code: "CANCELLED" });
  });

  test("that may have been missed have all verified: when a node says so, and when the stream was broken", async () => {
    const { clock, presence, keeper, leaseId } = await keeping({ sessions: 50 });
    const passes = () => keeper.metrics().lease.passes;
    assert.deepEqual([passes(), presence.watches.length], [1, 1], "not at the first stream");
    presence.watches[0]?.notices.write({ verify: true });
    await clock.advance(10_000);
    assert.deepEqual([passes(), presence.beats.length], [2, 50]);
    presence.watches[0]?.notices.end();
    await clock.advance(10_000);
    assert.deepEqual([passes(), presence.beats.length, presence.watches.length], [3, 100, 2]);
    assert.equal(presence.watches[1]?.leaseId, leaseId());
  });

  test("are of one lease: of the new one when somebody closed it, of none after a drain", async () => {
    const { clock, presence, keeper, leaseId } = await keeping({ sessions: 1 });
    presence.leases.set(leaseId(), "closed");
    await clock.advance(11_000);
    assert.deepEqual(
      presence.watches.map(({ leaseId }) => leaseId),
      [...presence.leases.keys()],
    );
    await Promise.all([keeper.drain(), clock.advance(20)]);
    await clock.advance(20_000);
    assert.equal(presence.watches.length, 2);
  });
});

describe("a presence without leases", () => {
  test("has each session's heartbeats, and is asked now and then: when it knows them, all are moved", async () => {
    const stage = await keeping({ sessions: 50, hasLeases: false });
    const { clock, presence, keeper, leaseId, verified } = stage;
    await clock.advance(20_000);
    assert.equal(presence.beats.length, 55);
    assert.equal(keeper.metrics().lease.state, "unsupported");
    presence.hasLeases = true;
    await clock.advance(70_000);
    assert.equal(underLease(stage, leaseId()), 50);
    const moving = verified().flatMap(({ request }) => request.sessions).length;
    presence.calls.length = 0;
    await clock.advance(60_000);
    assert.deepEqual([moving, presence.beats.length], [50, 0]);
    assert.equal(keeper.metrics().registrations, 50, "each once");
  });

  test("that had them before: each session has heartbeats again", async () => {
    const { clock, presence, keeper, handles, leaseId } = await keeping({ sessions: 50 });
    presence.hasLeases = false;
    presence.loseLease(leaseId());
    await clock.advance(30_000);
    assert.ok(handles.every(isOnline));
    assert.deepEqual([presence.tokens.size, keeper.metrics().lease.sessions], [50, 0]);
    presence.calls.length = 0;
    await clock.advance(20_000);
    assert.equal(presence.beats.length, 50);
  });

  test("is what a keeper takes it for that wants none", async () => {
    const clock = new FakeClock();
    const presence = new ScriptedPresence(clock, { hasLeases: true });
    const keeper = new SessionKeeper({ channels: presence, instanceId: "gw-1", clock, leases: false });
    keeper.open(alice);
    await clock.advance(61_000);
    assert.deepEqual([presence.beats.length, presence.ofKind("open-lease").length], [3, 0]);
    assert.equal(keeper.metrics().lease.state, "off");
    await Promise.all([keeper.drain(), clock.advance(1_000)]);
    assert.deepEqual([presence.ofKind("unregister").length, presence.ofKind("close-lease").length], [1, 0]);
  });
});

describe("a drain", () => {
  test("of 10,000 sockets is one call, and nothing for each of them", async () => {
    const { clock, presence, keeper, handles } = await keeping({
      ...{ sessions: 10_000, limits: { callsPerSecond: 1_000_000, callsMax: 20_000 } },
    });
    presence.calls.length = 0;
    keeper.announceDrain();
    const closed = handles.slice(0, 4_000).map((handle) => handle.close("server-drain"));
    await clock.advance(1_000);
    const drained = keeper.drain();
    await clock.advance(100);
    await Promise.all([...closed, drained]);
    assert.deepEqual(
      presence.calls.map(({ kind }) => kind),
      ["close-lease"],
    );
    const { sessions, closingsDropped, bounds } = keeper.metrics();
    assert.deepEqual([sessions.closed, closingsDropped, bounds.closings.used], [10_000, 0, 0]);
    await clock.advance(60_000);
    assert.equal(presence.calls.length, 1, "and it is kept no more");
  });

  for (const [what, { back, closedMs }] of Object.entries({
    "when all are": { back: 300, closedMs: [2_500, 2_700] },
    "as long as a call may take after the last, so that the others have their grace": {
      back: 299,
      closedMs: [5_500, 5_700],
    },
    "at once where nobody came back": { back: 0, closedMs: [0, 100] },
  })) {
    test(`closes the lease only when clients have come back elsewhere, however slow that is: ${what} (P1)`, async () => {
      const { clock, presence, keeper, handles } = await keeping({ sessions: 300 });
      const elsewhere = new SessionKeeper({ channels: presence, instanceId: "gw-2", clock });
      await clock.advance(100);
      presence.arrival = async ({ kind, request }) => {
        const isSlow = kind === "register" && Number(request.userId.slice("user-".length)) >= 150;
        if (isSlow) await pause(clock, 2_500);
      };
      keeper.announceDrain();
      const closed = handles.map((handle) => handle.close("server-drain"));
      for (const { userId } of handles.slice(0, back)) elsewhere.open({ userId, deviceId: "phone" });
      await clock.advance(10);
      const startMs = clock.monotonicMs();
      const drained = keeper.drain({ deadlineMs: 20_000 });
      await clock.advance(10_000);
      await Promise.all([...closed, drained]);
      const afterMs = presence.ofKind("close-lease").map(({ atMs }) => atMs - startMs);
      const [least = 0, most = 0] = closedMs;
      assert.equal(afterMs.length, 1);
      assert.ok(
        afterMs.every((ms) => ms >= least && ms <= most),
        `after ${afterMs} ms`,
      );
      assert.deepEqual([presence.tokens.size, presence.lookups], [back, []]);
    });
  }

  test("has half of its time for that", async () => {
    const { clock, presence, keeper, handles } = await keeping({ sessions: 100 });
    const elsewhere = new SessionKeeper({ channels: presence, instanceId: "gw-2", clock });
    const startMs = clock.monotonicMs();
    keeper.announceDrain();
    for (const handle of handles) void handle.close("server-drain");
    let next = 0;
    const stopOpening = clock.every(1_000, () => elsewhere.open({ userId: `user-${next++}`, deviceId: "phone" }));
    await clock.advance(1_100);
    const drained = keeper.drain({ deadlineMs: 10_000 });
    await clock.advance(10_000);
    stopOpening();
    await drained;
    const [{ atMs = 0 } = {}] = presence.ofKind("close-lease");
    assert.ok(Math.abs(atMs - startMs - 6_100) < 200, `${atMs - startMs} ms`);
  });

  test("tells apart who is not under the lease, and who left for another reason", async () => {
    const { clock, presence, keeper, handles, open, leaseId } = await keeping({ sessions: 3 });
    presence.loseLease(leaseId());
    presence.fault = ({ kind }: Call) => (kind === "open-lease" ? { when: "before", error: away } : undefined);
    open("alone");
    await clock.advance(100);
    keeper.announceDrain();
    void handles[0]?.close("logged-out");
    const drained = keeper.drain();
    await clock.advance(100);
    await drained;
    const ended = presence.ofKind("unregister").map(({ request }) => request.userId);
    assert.deepEqual([ended.sort(), presence.ofKind("close-lease").length], [["alone", "user-0"], 1]);
  });

  test("that presence does not hear of is said again, until its deadline", async () => {
    const { clock, presence, keeper } = await keeping({ sessions: 3 });
    presence.fault = ({ kind }: Call) =>
      kind === "close-lease" && presence.ofKind("close-lease").length < 3 ? { when: "before", error: away } : undefined;
    const drained = keeper.drain();
    await clock.advance(9_000);
    await drained;
    assert.deepEqual([presence.ofKind("close-lease").length, presence.tokens.size], [3, 0]);
    const other = await keeping({ sessions: 3 });
    other.presence.fault = () => ({ when: "before", error: new PresenceClientError("UNAVAILABLE", "away") });
    const gaveUp = other.keeper.drain({ deadlineMs: 5_000 });
    await other.clock.advance(5_000);
    await gaveUp;
    assert.equal(other.keeper.metrics().closingsDropped, 3);
    const calls = other.presence.calls.length;
    await other.clock.advance(60_000);
    assert.ok(other.presence.calls.length <= calls + 1);
  });
});

const alice = { userId: "alice", deviceId: "phone" };
interface Options {
  readonly sessions?: number;
  readonly hasLeases?: boolean;
  readonly verifyIntervalMs?: number;
  readonly limits?: Partial<KeeperLimits>;
}
type Stage = Awaited<ReturnType<typeof keeping>>;
