import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DisconnectReason } from "@realchat/presence-proto/presence";
import { FakeClock } from "@realchat/presence-runtime/testing";
import type { Tracer } from "@realchat/presence-runtime/tracer";
import { startedSpans } from "@realchat/presence-runtime/tracing/testing";
import { PresenceClientError } from "../presence-client-error.ts";
import { away, type Call, ScriptedPresence } from "../testing/scripted-presence.ts";
import type { KeeperLimits } from "./keeper-options.ts";
import { SessionKeeper } from "./session-keeper.ts";

function keeping(limits: Partial<KeeperLimits> = {}, tracer?: Tracer) {
  const clock = new FakeClock();
  const presence = new ScriptedPresence(clock);
  const keeper = new SessionKeeper({ channels: presence, instanceId: "gw-1", clock, limits, tracer });
  return { clock, presence, keeper };
}

const unavailable = () => ({ when: "before", error: away }) as const;
const alice = { userId: "alice", deviceId: "phone" };

/** A gate that calls wait at. */
function gate() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { wait: () => promise, open: resolve };
}

describe("a session", () => {
  test("is registered with a connection of its own and kept alive with the token that presence gave", async () => {
    const { clock, presence, keeper } = keeping();
    const handle = keeper.open(alice);
    assert.equal(handle.state, "registering");
    await clock.advance(0);
    await handle.untilOnline();
    assert.equal(handle.state, "online");
    const [register] = presence.ofKind("register");
    assert.equal(register?.request.instanceId, "gw-1");
    assert.equal(register?.request.connectionId, handle.connectionId);
    assert.equal(register?.request.previousSessionId, "");
    await clock.advance(61_000);
    const beats = presence.ofKind("refresh");
    assert.equal(beats.length, 3);
    assert.deepEqual(beats[0]?.request.sessions, [{ ...alice, sessionId: handle.sessionId }]);
  });

  test("is traced by itself, its registration and its end, also among others in one call", async () => {
    const { tracer, spans } = startedSpans();
    const { clock, presence, keeper } = keeping({}, tracer);
    const handles = ["alice", "bob"].map((userId) => keeper.open({ ...alice, userId }));
    await clock.advance(0);
    presence.fault = unavailable;
    keeper.open({ ...alice, userId: "cid" });
    await clock.advance(0);
    presence.fault = () => undefined;
    for (const handle of handles) void handle.close("logged-out");
    await clock.advance(1_000);
    const [registered, ended] = [presence.ofKind("register"), presence.ofKind("unregister")];
    const sent = [...registered, ...ended].map(({ request }) => request.traceparent).sort();
    assert.deepEqual(sent, spans.map(({ traceparent }) => traceparent).sort());
    assert.equal(new Set(sent).size, 6);
    assert.deepEqual(
      spans.map(({ name, failure }) => `${name.replace(/.*\//, "")} ${failure}`),
      [
        ...["RegisterSession undefined", "RegisterSession undefined", "RegisterSession away"],
        ...["UnregisterSession undefined", "UnregisterSession undefined", "RegisterSession undefined"],
      ],
    );
    assert.ok(spans.every(({ isOver }) => isOver));
  });

  test("has a connection id that no other one has, whichever keeper made it", async () => {
    const clock = new FakeClock();
    const presence = new ScriptedPresence(clock);
    const keepers = [1, 2].map(() => new SessionKeeper({ channels: presence, instanceId: "gw", clock }));
    const ids = keepers.flatMap((keeper) =>
      ["a", "b"].map((userId) => keeper.open({ userId, deviceId: "d" }).connectionId),
    );
    assert.equal(new Set(ids).size, 4);
    assert.equal(keepers[0]?.open({ ...alice, connectionId: "socket-1" }).connectionId, "socket-1");
  });

  test("follows another interval as soon as presence dictates it", async () => {
    const { clock, presence, keeper } = keeping();
    keeper.open(alice);
    await clock.advance(0);
    presence.intervalMs = 1_000;
    await clock.advance(20_000);
    const before = presence.beats.length;
    await clock.advance(10_000);
    assert.equal(presence.beats.length - before, 10);
    assert.equal(keeper.metrics().heartbeatIntervalMs, 1_000);
  });

  test("that presence lost comes back with its connection and its place in the order", async () => {
    const { clock, presence, keeper } = keeping();
    const handle = keeper.open(alice);
    await clock.advance(0);
    const { sessionId } = handle;
    presence.lose();
    await clock.advance(21_000);
    const again = presence.ofKind("register")[1];
    assert.equal(again?.request.previousSessionId, sessionId);
    assert.equal(again?.request.connectionId, handle.connectionId);
    assert.equal(handle.state, "online");
    assert.equal(handle.sessionId, sessionId);
    assert.equal(keeper.metrics().returns, 1);
    assert.equal(keeper.metrics().missing, 1);
  });

  test("that a newer connection elsewhere replaced is over, and sends nothing any more (P7)", async () => {
    const { clock, presence, keeper } = keeping();
    const elsewhere = new SessionKeeper({ channels: presence, instanceId: "gw-2", clock });
    const handle = keeper.open(alice);
    await clock.advance(0);
    let told = 0;
    handle.onSuperseded(() => told++);
    const other = elsewhere.open(alice);
    await clock.advance(21_000);
    assert.equal(handle.state, "superseded");
    assert.equal(told, 1);
    handle.onSuperseded(() => told++);
    await handle.close("logged-out");
    await clock.advance(60_000);
    assert.equal(told, 2);
    assert.equal(other.state, "online");
    assert.equal(presence.ofKind("register").length, 2);
    assert.equal(presence.ofKind("unregister").length, 0);
    assert.equal(keeper.metrics().sessions.superseded, 1);
    await assert.rejects(handle.untilOnline(), { code: "FAILED_PRECONDITION" });
  });

  test("that was replaced while it was being registered again is superseded, too", async () => {
    const { clock, presence, keeper } = keeping();
    const elsewhere = new SessionKeeper({ channels: presence, instanceId: "gw-2", clock });
    const handle = keeper.open(alice);
    await clock.advance(0);
    presence.lose();
    const { wait, open } = gate();
    presence.arrival = ({ kind, request }: Call) =>
      kind === "register" && request.instanceId === "gw-1" ? wait() : Promise.resolve();
    await clock.advance(21_000);
    assert.equal(handle.state, "returning");
    elsewhere.open(alice);
    await clock.advance(0);
    open();
    await clock.advance(0);
    assert.equal(handle.state, "superseded");
  });

  test("that presence refuses is told so, and no socket else", async () => {
    const { clock, presence, keeper } = keeping();
    const refusal = new PresenceClientError("RESOURCE_EXHAUSTED", "100 devices");
    presence.fault = ({ kind, request }) =>
      kind === "register" && request.userId === "alice" ? { when: "before", error: refusal } : undefined;
    const handle = keeper.open(alice);
    const bob = keeper.open({ userId: "bob", deviceId: "phone" });
    const refusals: PresenceClientError[] = [];
    handle.onRefused((error) => refusals.push(error));
    await clock.advance(0);
    assert.deepEqual(
      refusals.map(({ code, message }) => ({ code, message })),
      [{ code: "RESOURCE_EXHAUSTED", message: "100 devices" }],
    );
    assert.equal(handle.refusal, refusals[0]);
    assert.equal(bob.state, "online");
    await assert.rejects(handle.untilOnline(), refusals[0]);
    await clock.advance(60_000);
    assert.equal(presence.ofKind("register").length, 2);
  });

  test("that meets a full queue of presence is not refused: it opens and closes when it was told to try again", async () => {
    const { clock, presence, keeper } = keeping();
    const full = new PresenceClientError("RESOURCE_EXHAUSTED", "too many wait for Redis", { retryAfterMs: 1_000 });
    presence.fault = () => ({ when: "before", error: full });
    const handle = keeper.open(alice);
    await clock.advance(0);
    assert.deepEqual([handle.refusal, handle.state], [undefined, "registering"]);
    presence.fault = () => undefined;
    await clock.advance(5_000);
    assert.equal(handle.state, "online");

    presence.fault = () => ({ when: "before", error: full });
    handle.close();
    await clock.advance(0);
    presence.fault = () => undefined;
    await clock.advance(5_000);
    const { closingsDropped, unregistrations } = keeper.metrics();
    assert.deepEqual({ closingsDropped, unregistrations }, { closingsDropped: 0, unregistrations: 1 });
  });

  test("an answer to an old heartbeat says nothing about the session that came back since", async () => {
    const { clock, presence, keeper } = keeping({ batchesMax: 2 });
    presence.intervalMs = 1_000;
    const handle = keeper.open(alice);
    await clock.advance(0);
    const { wait, open } = gate();
    let held = 0;
    // Both heartbeats find it gone; the first one's answer is late.
    presence.answer = ({ kind }) => (kind === "refresh" && held++ === 0 ? wait() : Promise.resolve());
    presence.lose();
    await clock.advance(2_200);
    assert.equal(handle.state, "online");
    assert.equal(presence.ofKind("register").length, 2);
    open();
    await clock.advance(0);
    assert.equal(handle.state, "online");
    assert.equal(presence.ofKind("register").length, 2);
  });

  test("whose heartbeat failed is heard of again within 5 s (P6)", async () => {
    const { clock, presence, keeper } = keeping();
    keeper.open(alice);
    await clock.advance(0);
    presence.fault = unavailable;
    await clock.advance(300_000);
    const times = presence.ofKind("refresh").map(({ atMs }) => atMs);
    const gaps = times.slice(1).map((atMs, place) => atMs - (times[place] ?? 0));
    assert.ok(Math.max(...gaps) <= 5_000, `${Math.max(...gaps)} ms`);
    assert.ok(gaps.length > 60);
  });

  test("an own fault of one call is tried again and holds up nobody else", async () => {
    const { clock, presence, keeper } = keeping();
    const error = new PresenceClientError("INTERNAL", "a bug");
    presence.fault = ({ kind, request }) =>
      kind === "register" && request.userId === "alice" ? { when: "before", error } : undefined;
    const handle = keeper.open(alice);
    const bob = keeper.open({ userId: "bob", deviceId: "phone" });
    await clock.advance(10_000);
    assert.equal(bob.state, "online");
    assert.equal(handle.state, "registering");
    assert.equal(keeper.metrics().outages, 0);
    presence.fault = () => undefined;
    await clock.advance(4_000);
    assert.equal(handle.state, "online");
  });
});

describe("closing", () => {
  test("tells presence the reason", async () => {
    const { clock, presence, keeper } = keeping();
    const told = { "logged-out": 1, "connection-lost": 2, "server-drain": 3 } as const;
    for (const reason of ["logged-out", "connection-lost", "server-drain"] as const) {
      const handle = keeper.open(alice);
      await clock.advance(200);
      const { sessionId } = handle;
      const closed = handle.close(reason);
      assert.equal(handle.state, "closing");
      await clock.advance(200);
      await closed;
      assert.equal(handle.state, "closed");
      assert.deepEqual(presence.ofKind("unregister").at(-1)?.request, { ...alice, sessionId, reason: told[reason] });
    }
    const handle = keeper.open(alice);
    await clock.advance(200);
    handle.close();
    await clock.advance(200);
    assert.equal(presence.ofKind("unregister").at(-1)?.request.reason, DisconnectReason.DISCONNECT_REASON_UNSPECIFIED);
    assert.equal(presence.tokens.size, 0);
    await clock.advance(60_000);
    assert.equal(presence.ofKind("refresh").length, 0);
  });

  test("while the registration is under way waits for its token", async () => {
    const { clock, presence, keeper } = keeping();
    const { wait, open } = gate();
    presence.answer = ({ kind }) => (kind === "register" ? wait() : Promise.resolve());
    const handle = keeper.open(alice);
    await clock.advance(0);
    const closed = handle.close("logged-out");
    await clock.advance(100);
    assert.equal(presence.ofKind("unregister").length, 0);
    open();
    await clock.advance(100);
    await closed;
    assert.equal(presence.tokens.size, 0);
    await assert.rejects(handle.untilOnline(), { code: "CANCELLED" });
  });

  test("before presence was ever asked tells it nothing", async () => {
    const { clock, presence, keeper } = keeping();
    presence.fault = unavailable;
    keeper.open({ userId: "probe", deviceId: "phone" });
    await clock.advance(0);
    const handle = keeper.open(alice);
    await handle.close();
    presence.serveAgain();
    await clock.advance(5_000);
    assert.deepEqual(
      presence.calls.filter(({ request }) => "userId" in request && request.userId === "alice"),
      [],
    );
  });

  test("after a registration whose answer was lost leaves it to its deadline, and pushes out nobody (P1)", async () => {
    const { clock, presence, keeper } = keeping();
    const elsewhere = new SessionKeeper({ channels: presence, instanceId: "gw-2", clock });
    presence.fault = () => ({ when: "before", error: away });
    const handle = keeper.open(alice);
    await clock.advance(0);
    presence.serveAgain();
    const other = elsewhere.open(alice);
    await clock.advance(0);
    await handle.close("connection-lost");
    await clock.advance(60_000);
    assert.equal(other.state, "online");
    assert.equal(presence.tokens.get("alice\0phone"), other.sessionId);
    assert.equal(keeper.metrics().closingsDropped, 1);
  });

  test("during an outage is remembered, however long it takes", async () => {
    const { clock, presence, keeper } = keeping();
    const handle = keeper.open(alice);
    await clock.advance(0);
    presence.fault = unavailable;
    await clock.advance(30_000);
    const closed = handle.close("logged-out");
    await clock.advance(600_000);
    assert.equal(handle.state, "closing");
    presence.serveAgain();
    await clock.advance(5_000);
    await closed;
    assert.equal(presence.tokens.size, 0);
    assert.equal(keeper.metrics().closingsDropped, 0);
  });

  test("is dropped when presence had a time to live of its own clock to end it by itself", async () => {
    const { clock, presence, keeper } = keeping();
    const handle = keeper.open(alice);
    keeper.open({ userId: "bob", deviceId: "phone" });
    await clock.advance(0);
    const error = new PresenceClientError("INTERNAL", "a bug");
    presence.fault = ({ kind }) => (kind === "unregister" ? { when: "before", error } : undefined);
    const closed = handle.close();
    await clock.advance(59_000);
    assert.equal(handle.state, "closing");
    await clock.advance(6_000);
    await closed;
    assert.equal(keeper.metrics().closingsDropped, 1);
  });

  test("keeps no more than it may in mind: the oldest expires by itself", async () => {
    const { clock, presence, keeper } = keeping({ closingsMax: 2 });
    const handles = ["a", "b", "c"].map((userId) => keeper.open({ userId, deviceId: "phone" }));
    await clock.advance(100);
    presence.fault = unavailable;
    await clock.advance(30_000);
    for (const handle of handles) handle.close();
    assert.deepEqual(
      handles.map(({ state }) => state),
      ["closed", "closing", "closing"],
    );
    assert.equal(keeper.metrics().closingsDropped, 1);
    assert.equal(keeper.metrics().callsWaiting, 2);
  });
});

describe("two sockets of a device at one gateway", () => {
  test("the newer one has the session, the older one is told at once", async () => {
    const { clock, presence, keeper } = keeping();
    const older = keeper.open(alice);
    await clock.advance(0);
    let told = false;
    older.onSuperseded(() => {
      told = true;
    });
    const newer = keeper.open(alice);
    await clock.advance(100);
    assert.ok(told);
    assert.equal(newer.state, "online");
    assert.equal(presence.tokens.get("alice\0phone"), newer.sessionId);
    await clock.advance(60_000);
    assert.equal(newer.state, "online");
  });

  test("presence hears of them in their order, even if the first one's answer is late", async () => {
    const { clock, presence, keeper } = keeping();
    const { wait, open } = gate();
    let calls = 0;
    presence.arrival = ({ kind }) => (kind === "register" && calls++ === 0 ? wait() : Promise.resolve());
    keeper.open(alice);
    const second = keeper.open(alice);
    const third = keeper.open(alice);
    await clock.advance(1_000);
    assert.equal(second.state, "superseded");
    assert.equal(presence.ofKind("register").length, 1);
    open();
    await clock.advance(1_000);
    assert.equal(third.state, "online");
    assert.equal(presence.tokens.get("alice\0phone"), third.sessionId);
    assert.equal(presence.ofKind("register").length, 2);
  });

  test("the newer one, closed before presence heard of it, ends the older one's session", async () => {
    const { clock, presence, keeper } = keeping();
    keeper.open(alice);
    await clock.advance(0);
    presence.fault = unavailable;
    await clock.advance(30_000);
    const newer = keeper.open(alice);
    const closed = newer.close("logged-out");
    presence.serveAgain();
    await clock.advance(5_000);
    await closed;
    assert.equal(presence.tokens.size, 0);
  });

  test("the newer one, closed while the older one's registration is under way, ends that", async () => {
    const { clock, presence, keeper } = keeping();
    const { wait, open } = gate();
    presence.answer = ({ kind }) => (kind === "register" ? wait() : Promise.resolve());
    keeper.open(alice);
    await clock.advance(0);
    const closed = keeper.open(alice).close();
    open();
    await clock.advance(1_000);
    await closed;
    assert.equal(presence.tokens.size, 0);
    assert.equal(presence.ofKind("register").length, 1);
  });
});

describe("limits", () => {
  test("bad ids are refused at once: in a batch they would cost everyone else his heartbeat", () => {
    const { keeper } = keeping();
    const refused = (session: { userId: string; deviceId: string; connectionId?: string }, message: RegExp) =>
      assert.throws(() => keeper.open(session), { name: "PresenceClientError", code: "INVALID_ARGUMENT", message });
    refused({ userId: "", deviceId: "d" }, /^userId is empty/);
    refused({ userId: "u", deviceId: "é".repeat(65) }, /^deviceId has 130 bytes, limit 128: send a short/);
    refused({ userId: "u\n", deviceId: "d" }, /^userId has the control character U\+000A at 1/);
    refused({ userId: "u", deviceId: "\ud800" }, /^deviceId is not valid Unicode/);
    refused({ userId: "u", deviceId: "d", connectionId: "" }, /^connectionId is empty/);
    assert.doesNotThrow(() => keeper.open({ userId: "a:b {x} 😀", deviceId: "x".repeat(128) }));
  });

  test("options out of range are named", () => {
    const clock = new FakeClock();
    const channels = new ScriptedPresence(clock);
    assert.throws(
      () => new SessionKeeper({ channels, instanceId: "", clock }),
      /^PresenceClientError: instanceId is empty/,
    );
    const limits = { callsPerSecond: 0 };
    assert.throws(() => new SessionKeeper({ channels, instanceId: "g", clock, limits }), /limits.callsPerSecond is 0/);
    const batch = { batchMaxSessions: 1_001 };
    assert.throws(() => new SessionKeeper({ channels, instanceId: "g", clock, limits: batch }), /takes 1000 sessions/);
  });

  test("more sessions than it may have are refused, and there is room again when one ends", async () => {
    const { clock, keeper } = keeping({ sessionsMax: 2 });
    const first = keeper.open({ userId: "a", deviceId: "d" });
    keeper.open({ userId: "b", deviceId: "d" });
    assert.throws(() => keeper.open({ userId: "c", deviceId: "d" }), { code: "RESOURCE_EXHAUSTED" });
    await clock.advance(0);
    first.close();
    assert.doesNotThrow(() => keeper.open({ userId: "c", deviceId: "d" }));
  });

  test("no more calls are under way at once than may be", async () => {
    const { clock, presence, keeper } = keeping({ callsMax: 3 });
    const { wait, open } = gate();
    presence.arrival = wait;
    for (let user = 0; user < 10; user++) keeper.open({ userId: `u${user}`, deviceId: "d" });
    await clock.advance(1_000);
    assert.equal(presence.calls.length, 3);
    assert.equal(keeper.metrics().callsUnderWay, 3);
    assert.equal(keeper.metrics().callsWaiting, 7);
    const { calls, sessions } = keeper.metrics().bounds;
    assert.deepEqual(
      [calls, sessions],
      [
        { used: 3, limit: 3 },
        { used: 10, limit: 100_000 },
      ],
    );
    open();
    await clock.advance(1_000);
    assert.equal(keeper.metrics().sessions.online, 10);
  });
});

describe("draining", () => {
  test("hands every session over and takes no new ones", async () => {
    const { clock, presence, keeper } = keeping();
    for (let user = 0; user < 300; user++) keeper.open({ userId: `u${user}`, deviceId: "d" });
    await clock.advance(1_000);
    const drained = keeper.drain();
    await clock.advance(1_000);
    await drained;
    const reasons = presence.ofKind("unregister").map(({ request }) => request.reason);
    assert.equal(reasons.length, 300);
    assert.deepEqual([...new Set(reasons)], [DisconnectReason.DISCONNECT_REASON_SERVER_DRAIN]);
    assert.throws(() => keeper.open(alice), { code: "FAILED_PRECONDITION" });
    await keeper.drain();
  });

  test("ends at its deadline when presence is away", async () => {
    const { clock, presence, keeper } = keeping();
    const handle = keeper.open(alice);
    await clock.advance(0);
    presence.fault = unavailable;
    let isDrained = false;
    keeper.drain({ deadlineMs: 2_000 }).then(() => {
      isDrained = true;
    });
    await clock.advance(1_999);
    assert.equal(isDrained, false);
    await clock.advance(1);
    assert.equal(isDrained, true);
    assert.equal(handle.state, "closed");
    const calls = presence.calls.length;
    await clock.advance(60_000);
    assert.equal(presence.calls.length, calls);
  });
});
