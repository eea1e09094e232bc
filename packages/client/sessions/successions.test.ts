import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pause } from "@realchat/presence-runtime/clock";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { PresenceClientError } from "../presence-client-error.ts";
import { away, ScriptedPresence } from "../testing/scripted-presence.ts";
import type { SessionHandle, Successor } from "./session-handle.ts";
import { SessionKeeper } from "./session-keeper.ts";

const alice = { userId: "alice", deviceId: "phone" };

function scene() {
  const clock = new FakeClock();
  const presence = new ScriptedPresence(clock);
  const keeperAt = (instanceId: string) => new SessionKeeper({ channels: presence, instanceId, clock });
  const told: Successor[] = [];
  const listen = (handle: SessionHandle) => handle.onSuperseded((successor) => told.push(successor));
  return { clock, presence, here: keeperAt("gw-1"), elsewhere: keeperAt("gw-2"), keeperAt, told, listen };
}

describe("a registration", () => {
  test("says nothing of its age when it goes out at once", async () => {
    const { clock, presence, here } = scene();
    here.open(alice);
    await clock.advance(0);
    assert.equal(presence.ofKind("register")[0]?.request.age, undefined);
  });

  test("that waited through an outage yields to a connection that came later elsewhere, whichever is told first (P7)", async () => {
    const { clock, presence, here, elsewhere } = scene();
    presence.fault = () => ({ when: "before", error: away });
    const abandoned = here.open(alice);
    await clock.advance(5_000);
    const living = elsewhere.open(alice);
    await clock.advance(5_000);
    const isFrom = (instanceId: string) =>
      presence.ofKind("register").findLast((c) => c.request.instanceId === instanceId);
    // The later one is told first.
    presence.arrival = async (call) => {
      if (call.kind !== "register" || call.request.instanceId !== "gw-1") return;
      for (let wait = 0; living.state !== "online" && wait < 1_000; wait++) await new Promise(setImmediate);
    };
    presence.serveAgain();
    await clock.advance(20_000);
    assert.equal(living.state, "online");
    assert.equal(abandoned.state, "superseded");
    assert.ok((isFrom("gw-1")?.request.age?.seconds ?? 0) >= 10);
    await clock.advance(60_000);
    assert.equal(living.state, "online");
  });

  test("has the age of its client's last sign of life, when the gateway kept it waiting", async () => {
    const { clock, presence, here } = scene();
    here.open({ ...alice, aliveAtMs: clock.monotonicMs() - 4_500 });
    here.open({ ...alice, deviceId: "laptop", aliveAtMs: clock.monotonicMs() + 60_000 });
    here.open({ ...alice, deviceId: "tablet", aliveAtMs: clock.monotonicMs() - 999 });
    await clock.advance(0);
    const ages = presence.ofKind("register").map(({ request }) => request.age);
    assert.deepEqual(ages, [{ seconds: 4, nanos: 500_000_000 }, undefined, undefined]);
  });

  test("comes after the one that it replaces here, however late presence was with that", async () => {
    const { clock, presence, here } = scene();
    let answered = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    presence.arrival = () => (answered++ === 0 ? promise : Promise.resolve());
    here.open(alice);
    await clock.advance(200);
    const second = here.open(alice);
    await clock.advance(2_500);
    resolve();
    presence.fault = ({ kind, request }) =>
      kind === "register" && request.connectionId === second.connectionId ? { when: "before", error: away } : undefined;
    await clock.advance(4_000);
    presence.serveAgain();
    await clock.advance(10_000);
    assert.equal(second.state, "online");
  });
});

describe("a registration that is refused", () => {
  test("is tried again while nobody answers why: to ask may have registered it, after a loss (P8)", async () => {
    const { clock, presence, here } = scene();
    const over = new PresenceClientError("FAILED_PRECONDITION", "over");
    presence.fault = ({ kind }) => (kind === "register" ? { when: "before", error: over } : undefined);
    presence.batchFault = () => {
      presence.serveAgain();
      return { when: "after", error: away };
    };
    const handle = here.open(alice);
    await clock.advance(5_000);
    assert.equal(presence.ofKind("register").length, 3);
    assert.equal(handle.state, "online");
    assert.equal(presence.tokens.get("alice\0phone"), handle.sessionId);
  });
});

describe("a session that was superseded elsewhere", () => {
  test("is told that the newer connection has the device", async () => {
    const { clock, here, elsewhere, told, listen } = scene();
    listen(here.open(alice));
    await clock.advance(1_000);
    elsewhere.open(alice);
    await clock.advance(21_000);
    assert.deepEqual(told, ["newer-connection"]);
  });

  test("is told that nobody has the device, when the newer connection is gone again", async () => {
    const { clock, here, elsewhere, told, listen } = scene();
    listen(here.open(alice));
    await clock.advance(1_000);
    const brief = elsewhere.open(alice);
    await clock.advance(10);
    const closed = brief.close("connection-lost");
    await clock.advance(0);
    await closed;
    // Presence answers that the token was replaced for as long as it remembers.
    const handle = here.open({ ...alice, deviceId: "laptop" });
    listen(handle);
    await clock.advance(1_000);
    await clock.advance(40_000);
    assert.deepEqual(told, ["nobody"]);
    assert.equal(handle.state, "online");
  });

  test("comes back in doubt: presence does not say, or says that we have it ourselves", async () => {
    const { clock, presence, here, elsewhere, keeperAt, told, listen } = scene();
    presence.isBlind = true;
    listen(here.open(alice));
    await clock.advance(1_000);
    elsewhere.open(alice);
    await clock.advance(60_000);
    assert.deepEqual(told, ["nobody"]);
    presence.isBlind = false;
    const bob = { userId: "bob", deviceId: "phone" };
    const isHere = (connectionId: string) => connectionId.slice(0, 20) === waiting.connectionId.slice(0, 20);
    const waiting = here.open(bob);
    presence.fault = ({ kind, request }) =>
      kind === "register" && isHere(request.connectionId) ? { when: "before", error: away } : undefined;
    listen(waiting);
    await clock.advance(1_500);
    // Under our name, and not in our book: as a call of ours that was carried out late, and that nobody waits for.
    keeperAt("gw-1").open(bob);
    await clock.advance(1_000);
    presence.serveAgain();
    await clock.advance(10_000);
    assert.deepEqual(told, ["nobody", "nobody"]);
  });

  test("in a crowd is looked up in batches, one at a time", async () => {
    const { clock, presence, here, elsewhere, told, listen } = scene();
    const users = Array.from({ length: 1_500 }, (_, index) => ({ userId: `user-${index}`, deviceId: "phone" }));
    presence.lookup = () => pause(clock, 1_000);
    for (const user of users) listen(here.open(user));
    await clock.advance(5_000);
    for (const user of users) elsewhere.open(user);
    await clock.advance(60_000);
    assert.equal(told.length, 1_500);
    assert.ok(told.every((successor) => successor === "newer-connection"));
    const sizes = presence.lookups;
    assert.ok(sizes.length < 65 && Math.max(...sizes) <= 1_000, `${sizes.length} calls`);
    assert.deepEqual(here.metrics().bounds.successions, { used: 0, limit: 100_000 });
  });
});

describe("a session that was superseded here", () => {
  test("is told at once, and presence is not asked", async () => {
    const { clock, presence, here, told, listen } = scene();
    presence.isBlind = true;
    listen(here.open(alice));
    await clock.advance(1_000);
    here.open(alice);
    await clock.advance(0);
    assert.deepEqual(told, ["newer-connection"]);
  });
});
