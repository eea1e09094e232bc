import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { PresenceClientError } from "../presence-client-error.ts";
import { away, type Call, ScriptedPresence } from "../testing/scripted-presence.ts";
import type { KeeperLimits } from "./keeper-options.ts";
import { SessionKeeper } from "./session-keeper.ts";

function keeping(limits: Partial<KeeperLimits> = {}) {
  const clock = new FakeClock({ seed: 3 });
  const presence = new ScriptedPresence(clock);
  const keeper = new SessionKeeper({ channels: presence, instanceId: "gw-1", clock, limits });
  const open = (userId: string, deviceId = "phone") => keeper.open({ userId, deviceId });
  const crowd = (count: number, name = "user") => Array.from({ length: count }, (_, user) => open(`${name}-${user}`));
  return { clock, presence, keeper, open, crowd };
}

const isOnline = ({ state }: { state: string }) => state === "online";
const ofUser =
  (name: string) =>
  ({ request }: Call) =>
    "userId" in request && request.userId === name;

describe("registrations and ends of one moment", () => {
  test("are one call, and a single one is a call of its own", async () => {
    const { clock, presence, keeper, open, crowd } = keeping();
    const handles = crowd(50);
    assert.deepEqual(presence.batches, [], "not before the turn is over");
    await clock.advance(0);
    assert.ok(handles.every(isOnline));
    assert.deepEqual(presence.batches.splice(0), [50]);
    for (const handle of handles.splice(0, 20)) handle.close("logged-out");
    open("new-1");
    await clock.advance(0);
    assert.deepEqual(presence.batches.splice(0), [20, 1]);
    assert.equal(presence.tokens.size, 31);
    const { registrations, unregistrations, callsUnderWay, callsWaiting } = keeper.metrics();
    assert.deepEqual(
      { registrations, unregistrations, callsUnderWay, callsWaiting },
      { registrations: 51, unregistrations: 20, callsUnderWay: 0, callsWaiting: 0 },
    );
  });

  for (const { answerMs, sentMs } of [
    { answerMs: 2, sentMs: 8 },
    { answerMs: 10, sentMs: 40 },
    { answerMs: 1_000, sentMs: 50 },
  ]) {
    test(`are gathered for ${sentMs} ms when the call before is answered after ${answerMs} ms`, async () => {
      const { clock, presence, open } = keeping();
      presence.answer = (call) =>
        ofUser("slow")(call) ? new Promise((resolve) => clock.after(answerMs, resolve)) : Promise.resolve();
      open("slow");
      await clock.advance(0);
      for (let user = 0; user < sentMs; user++) {
        assert.deepEqual(presence.batches, [1]);
        open(`user-${user}`);
        await clock.advance(1);
      }
      assert.deepEqual(presence.batches, [1, sentMs]);
    });
  }

  test("are no more at once than may be under way, and no more in a call than presence takes", async () => {
    const { clock, presence, crowd } = keeping({ callsMax: 40, batchMaxSessions: 25, callsPerSecond: 100_000 });
    const handles = crowd(100);
    await clock.advance(0);
    assert.deepEqual(presence.batches, [25, 15, 25, 15, 20]);
    assert.ok(handles.every(isOnline));
  });

  test("at a bounded rate still go together", async () => {
    const { clock, presence, crowd } = keeping({ callsPerSecond: 1_000 });
    crowd(1_000);
    await clock.advance(1_200);
    assert.equal(presence.tokens.size, 1_000);
    assert.ok(presence.batches.length <= 80, `${presence.batches.length} calls`);
  });

  test("of one device are in order: the later one is sent after the answer to the one before", async () => {
    const { clock, presence, open, crowd } = keeping();
    const [first, , second] = [open("alice"), crowd(5), open("alice")];
    await clock.advance(0);
    const ofAlice = presence.ofKind("register").filter(ofUser("alice"));
    assert.deepEqual(
      ofAlice.map(({ request }) => request.connectionId),
      [first.connectionId, second.connectionId],
    );
    assert.deepEqual(presence.batches, [6, 1]);
    assert.deepEqual([first.state, second.state], ["superseded", "online"]);
  });

  test("have the age that their client has when they are sent", async () => {
    const { clock, presence, crowd } = keeping();
    crowd(2);
    clock.freeze(4_500);
    await clock.advance(0);
    const ages = presence.ofKind("register").map(({ request }) => request.age);
    assert.deepEqual(ages, Array(2).fill({ seconds: 4, nanos: 500_000_000 }));
  });
});

describe("one session of a call", () => {
  test("that presence refuses, or cannot answer for, costs no other its answer", async () => {
    const { clock, presence, keeper, crowd } = keeping();
    const failures: Record<string, PresenceClientError> = {
      "user-3": away,
      "user-7": new PresenceClientError("RESOURCE_EXHAUSTED", "100 devices"),
      "user-8": new PresenceClientError("FAILED_PRECONDITION", "a newer connection"),
      "user-9": new PresenceClientError("INTERNAL", "a bug"),
    };
    presence.fault = ({ request }) => {
      const error = "userId" in request ? failures[request.userId] : undefined;
      return error && { when: "before", error };
    };
    const handles = crowd(20);
    await clock.advance(0);
    const states = handles.map(({ state }) => state);
    assert.deepEqual(
      [3, 7, 8, 9].map((user) => states[user]),
      ["registering", "refused", "superseded", "registering"],
    );
    assert.equal(states.filter((state) => state === "online").length, 16);
    assert.equal(handles[7]?.refusal?.message, "100 devices");
    const { outages, callFailures } = keeper.metrics();
    assert.deepEqual({ outages, callFailures }, { outages: 0, callFailures: 4 });
    presence.serveAgain();
    await clock.advance(5_000);
    assert.equal(keeper.metrics().sessions.online, 18);
  });

  test("that hangs holds up only those that it was first sent with", async () => {
    const { clock, presence, open, crowd } = keeping();
    const late = new PresenceClientError("DEADLINE_EXCEEDED", "late");
    const hangs = ({ userId }: { userId: string }) => userId === "slow";
    presence.answer = (call) =>
      ofUser("slow")(call) ? new Promise((resolve) => clock.after(3_000, resolve)) : Promise.resolve();
    presence.batchFault = (sessions) => (sessions.some(hangs) ? { when: "after", error: late } : undefined);
    open("slow");
    crowd(9);
    await clock.advance(40_000);
    for (let round = 0; round < 20; round++) {
      const newcomers = crowd(5, `new-${round}`);
      await clock.advance(100);
      assert.ok(newcomers.every(isOnline), `round ${round}`);
      await clock.advance(777);
    }
  });

  test("that presence leaves out of its answer is sent again", async () => {
    const { clock, presence, crowd } = keeping();
    const { api } = presence;
    let left = 1;
    const channels = {
      api: {
        ...api,
        registerSessions: async (request: Parameters<typeof api.registerSessions>[0]) => {
          const { results } = await api.registerSessions(request);
          return { results: left-- > 0 ? results.slice(0, 3) : results };
        },
      },
      onServing: () => () => {},
    };
    const keeper = new SessionKeeper({ channels, instanceId: "gw-2", clock });
    const handles = ["a", "b", "c", "d", "e"].map((userId) => keeper.open({ userId, deviceId: "phone" }));
    await clock.advance(0);
    assert.deepEqual(handles.map(isOnline), [true, true, true, false, false]);
    await clock.advance(5_000);
    assert.ok(handles.every(isOnline));
    assert.equal(crowd.length, 1);
  });
});

describe("a call that fails as a whole", () => {
  for (const code of ["INTERNAL", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "DATA_LOSS"] as const) {
    test(`with ${code} is halved until whoever is to blame is alone, and says nothing of any of them`, async () => {
      const { clock, presence, keeper, crowd } = keeping();
      const error = new PresenceClientError(code, "who knows why");
      presence.batchFault = (sessions) =>
        sessions.some(({ userId }) => userId === "user-13") ? { when: "before", error } : undefined;
      presence.fault = (call) => (ofUser("user-13")(call) ? { when: "before", error: away } : undefined);
      const handles = crowd(64);
      await clock.advance(30_000);
      assert.deepEqual(
        handles.filter((handle) => !isOnline(handle)).map(({ userId, state }) => [userId, state]),
        [["user-13", "registering"]],
      );
      assert.equal(keeper.metrics().outages, 0);
      assert.ok(presence.batches.length <= 100, `${presence.batches.length} calls`);
      presence.serveAgain();
      await clock.advance(5_000);
      assert.ok(handles.every(isOnline));
    });
  }

  test("is one sign that presence is away, not one for each of its sessions", async () => {
    const { clock, presence, keeper, crowd } = keeping();
    presence.batchFault = () => ({ when: "before", error: away });
    crowd(64);
    await clock.advance(0);
    assert.deepEqual(presence.batches, [64]);
    assert.equal(keeper.metrics().reachable, true);
    presence.fault = () => ({ when: "before", error: away });
    await clock.advance(10_000);
    assert.equal(keeper.metrics().reachable, false);
    presence.batchFault = () => undefined;
    presence.serveAgain();
    await clock.advance(10_000);
    assert.equal(keeper.metrics().sessions.online, 64);
  });

  test("after it was carried out changes nothing twice", async () => {
    const { clock, presence, keeper, crowd } = keeping();
    let failures = 3;
    presence.batchFault = () => (failures-- > 0 ? { when: "after", error: away } : undefined);
    const handles = crowd(30);
    await clock.advance(10_000);
    assert.ok(handles.every(isOnline));
    for (const handle of handles) assert.equal(presence.tokens.get(`${handle.userId}\0phone`), handle.sessionId);
    failures = 3;
    const closed = handles.map((handle) => handle.close("connection-lost"));
    await clock.advance(10_000);
    await Promise.all(closed);
    assert.equal(presence.tokens.size, 0);
    assert.equal(keeper.metrics().closingsDropped, 0);
  });
});

describe("a presence that takes calls one by one", () => {
  test("gets them one by one, each for itself, with the age that they have then", async () => {
    const { clock, presence, keeper, crowd } = keeping();
    presence.isBatching = false;
    const { api } = presence;
    const slowly = async (request: Parameters<typeof api.registerSessions>[0]) => {
      clock.freeze(2_000);
      return api.registerSessions(request);
    };
    const channels = { api: { ...api, registerSessions: slowly }, onServing: () => () => {} };
    const old = new SessionKeeper({ channels, instanceId: "gw-2", clock });
    presence.fault = (call) => (ofUser("user-4")(call) ? { when: "before", error: away } : undefined);
    for (let user = 0; user < 10; user++) old.open({ userId: `user-${user}`, deviceId: "phone" });
    await clock.advance(0);
    assert.deepEqual(presence.unknownBatches, [10]);
    assert.equal(old.metrics().sessions.online, 9);
    const ages = presence.ofKind("register").map(({ request }) => request.age?.seconds);
    assert.deepEqual(ages, Array(10).fill(2));
    presence.serveAgain();
    await clock.advance(5_000);
    const { sessions, outages } = old.metrics();
    assert.deepEqual([sessions.online, outages], [10, 0]);
    assert.equal(keeper.metrics().sessions.online + crowd.length, 1);
  });
});
