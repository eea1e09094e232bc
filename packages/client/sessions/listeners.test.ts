import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { PresenceClientError } from "../presence-client-error.ts";
import { ScriptedPresence } from "../testing/scripted-presence.ts";
import { SessionKeeper } from "./session-keeper.ts";

const alice = { userId: "alice", deviceId: "phone" };

function keeping({ isReported = true } = {}) {
  const clock = new FakeClock();
  const presence = new ScriptedPresence(clock);
  const errors: unknown[] = [];
  const onListenerError = isReported ? (error: unknown) => errors.push(error) : undefined;
  const keeper = new SessionKeeper({ channels: presence, instanceId: "gw-1", clock, onListenerError });
  return { clock, presence, keeper, errors };
}

/** What reaches the process as an uncaught exception meanwhile. */
function uncaughtExceptions(t: TestContext): unknown[] {
  const errors: unknown[] = [];
  const others = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => errors.push(error));
  t.after(() => {
    process.removeAllListeners("uncaughtException");
    for (const other of others) process.on("uncaughtException", other);
  });
  return errors;
}

test("a listener that throws is reported; the others are told, and the session goes on as ever", async () => {
  const { clock, presence, keeper, errors } = keeping();
  const mistakes = [new Error("throws"), new Error("rejects")];
  const older = keeper.open(alice);
  await clock.advance(0);
  const told: string[] = [];
  older.onSuperseded(() => {
    throw mistakes[0];
  });
  older.onSuperseded(async () => {
    throw mistakes[1];
  });
  older.onSuperseded(() => told.push(older.state));
  const closed = older.close.bind(older);
  const newer = keeper.open(alice);
  await clock.advance(100);
  await closed();
  assert.deepEqual(told, ["superseded"]);
  assert.deepEqual(errors, mistakes);
  await clock.advance(60_000);
  assert.equal(newer.state, "online");
  assert.equal(presence.tokens.get("alice\0phone"), newer.sessionId);
  const { superseded, online } = keeper.metrics().sessions;
  assert.deepEqual({ superseded, online }, { superseded: 1, online: 1 });
});

test("so is one that throws when it hears of a refusal, and one that asks too late", async () => {
  const { clock, presence, keeper, errors } = keeping();
  const refusal = new PresenceClientError("RESOURCE_EXHAUSTED", "100 devices");
  presence.fault = ({ kind }) => (kind === "register" ? { when: "before", error: refusal } : undefined);
  const handle = keeper.open(alice);
  const told: PresenceClientError[] = [];
  const angry = () => {
    throw new Error("no");
  };
  handle.onRefused(angry);
  handle.onRefused((why) => told.push(why));
  await clock.advance(0);
  handle.onRefused(angry);
  handle.onRefused((why) => told.push(why));
  await clock.advance(0);
  assert.deepEqual(told, [refusal, refusal]);
  assert.equal(errors.length, 2);
  assert.equal(handle.state, "refused");
  presence.fault = () => undefined;
  assert.equal(keeper.metrics().sessions.refused, 1);
  const bob = keeper.open({ userId: "bob", deviceId: "phone" });
  await clock.advance(0);
  assert.equal(bob.state, "online");
});

test("one object hears how each of its sessions ended, once, and of no end of its own", async () => {
  const { clock, presence, keeper, errors } = keeping();
  const heard: string[] = [];
  const sockets = {
    superseded: (by: string) => heard.push(`superseded by ${by}`),
    refused: ({ code }: PresenceClientError) => heard.push(code),
  };
  const refusal = new PresenceClientError("RESOURCE_EXHAUSTED", "100 devices");
  presence.fault = ({ kind, request }) =>
    kind === "register" && request.userId === "bob" ? { when: "before", error: refusal } : undefined;
  const [older, refused, closed] = ["alice", "bob", "cid"].map((userId) => keeper.open({ userId, deviceId: "phone" }));
  for (const session of [older, refused, closed]) session?.listen(sockets);
  await clock.advance(0);
  void closed?.close();
  keeper.open(alice);
  await clock.advance(100);
  assert.deepEqual(heard.sort(), ["RESOURCE_EXHAUSTED", "superseded by newer-connection"]);
  refused?.listen(sockets);
  await clock.advance(0);
  assert.equal(heard.length, 3, "who asks too late is told as well");
  assert.deepEqual(errors, []);
});

test("what nobody takes reaches the process as an uncaught exception, as with any listener in Node", async (t) => {
  const uncaught = uncaughtExceptions(t);
  const { clock, keeper } = keeping({ isReported: false });
  const older = keeper.open(alice);
  await clock.advance(0);
  const mistake = new Error("throws");
  let told = 0;
  older.onSuperseded(() => {
    throw mistake;
  });
  older.onSuperseded(() => told++);
  keeper.open(alice);
  await clock.advance(100);
  assert.deepEqual(uncaught, [mistake]);
  assert.equal(told, 1);
});

test("an onListenerError that throws itself hinders nobody either", async (t) => {
  const uncaught = uncaughtExceptions(t);
  const clock = new FakeClock();
  const worse = new Error("worse");
  const keeper = new SessionKeeper({
    ...{ channels: new ScriptedPresence(clock), instanceId: "gw-1", clock },
    onListenerError: () => {
      throw worse;
    },
  });
  const older = keeper.open(alice);
  await clock.advance(0);
  older.onSuperseded(() => {
    throw new Error("bad");
  });
  let told = 0;
  older.onSuperseded(() => told++);
  keeper.open(alice);
  await clock.advance(100);
  assert.equal(told, 1);
  assert.deepEqual(uncaught, [worse]);
});
