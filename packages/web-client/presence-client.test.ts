import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { waitUntil } from "@realchat/presence-testing";
import { PresenceClient } from "./presence-client.js";
import type { PresenceClientError } from "./presence-client-error.js";
import { PageClock } from "./testing/page-clock.ts";
import { type ScriptedGateway, startScriptedGateway } from "./testing/scripted-gateway.ts";
import type { PresenceClientOptions, PresenceEvents, Self, UserPresence } from "./types.d.ts";

let gateway: ScriptedGateway;
let clock: PageClock;
let client: PresenceClient;
let giveBack = () => {};
let told: { [Name in keyof PresenceEvents]: PresenceEvents[Name][] };

beforeEach(async () => {
  gateway = await startScriptedGateway();
  clock = new PageClock();
});

afterEach(async () => {
  client.close();
  await gateway.close();
  giveBack();
  giveBack = () => {};
});

/** A client that is connecting; `told` has all that it tells. */
function start(options: Partial<PresenceClientOptions> = {}): void {
  client = new PresenceClient({ url: `${gateway.url}?device_id=laptop`, clock, ...options });
  told = { snapshot: [], presence: [], hidden: [], self: [], refused: [], state: [], stale: [], error: [] };
  for (const name of Object.keys(told) as (keyof typeof told)[]) {
    client.on(name, (detail) => void (told[name] as unknown[]).push(detail));
  }
  client.connect();
}

const untilState = (kind: string) => waitUntil(() => client.state.kind === kind, { what: `the client is ${kind}` });
const untilKnown = (id: string, version: number) =>
  waitUntil(() => client.get(id)?.version === version, { what: `${id} is known at version ${version}` });

const bob: UserPresence = { id: "bob", online: true, version: 20 };
const eve: UserPresence = { id: "eve", online: false, version: 5, lastSeen: 1_790_000_000_000 };

describe("a client", () => {
  test("asks for the JSON protocol and tells what the gateway tells", async () => {
    start();
    const socket = await gateway.socket(0);
    assert.deepEqual([socket.path, socket.protocols], ["/ws?device_id=laptop", ["realchat.presence.v1.json"]]);
    socket.send({ type: "snapshot", users: [bob, eve] });
    socket.send({ type: "presence", users: [{ ...eve, online: true, version: 6 }] });
    await untilKnown("eve", 6);
    assert.deepEqual(told.snapshot, [[bob, eve]]);
    assert.deepEqual(told.presence, [[{ ...eve, online: true, version: 6 }]]);
    assert.deepEqual(client.get("bob"), bob);
  });

  test("never goes back to an older version, and tells nothing twice", async () => {
    start();
    const socket = await gateway.socket(0);
    socket.send({ type: "presence", users: [bob] });
    socket.send({ type: "presence", users: [bob, { ...bob, online: false, version: 19 }] });
    socket.send({ type: "snapshot", users: [{ ...bob, online: false, version: 18 }] });
    socket.send({ type: "snapshot", users: [{ ...bob, devices: ["phone", "laptop"] }] });
    await waitUntil(() => client.get("bob")?.devices, { what: "the devices are known" });
    assert.deepEqual(told.presence, [[bob]]);
    assert.deepEqual(told.snapshot, [[{ ...bob, devices: ["phone", "laptop"] }]]);
  });

  test("forgets whom it may no longer see", async () => {
    start();
    const socket = await gateway.socket(0);
    socket.send({ type: "snapshot", users: [bob, eve] });
    socket.send({ type: "hidden", users: ["bob"] });
    await waitUntil(() => told.hidden.length > 0, { what: "somebody is hidden" });
    assert.deepEqual(told.hidden, [["bob"]]);
    assert.equal(client.get("bob"), undefined);
  });

  test("asks after a cut for those of whom the gateway no longer speaks", async () => {
    start();
    const first = await gateway.socket(0);
    first.send({ type: "snapshot", users: [bob, eve] });
    await untilKnown("eve", 5);
    first.cut();
    await untilState("waiting");
    await clock.advance(1_000);
    const second = await gateway.socket(1);
    second.send({ type: "snapshot", users: [eve] });
    await waitUntil(() => second.heard.length === 1, { what: "the gateway is asked" });
    assert.deepEqual(second.heard, [{ type: "subscribe", users: ["bob"] }]);
    assert.deepEqual(told.hidden, []);
    second.send({ type: "hidden", users: ["bob"] });
    await waitUntil(() => told.hidden.length > 0, { what: "somebody is hidden" });
  });

  test("keeps a dot green of which a gateway knows nothing yet, since presence lost data, and tells what it learns", async () => {
    start();
    const first = await gateway.socket(0);
    first.send({ type: "snapshot", users: [bob] });
    await untilKnown("bob", 20);
    first.cut();
    await untilState("waiting");
    await clock.advance(1_000);
    const second = await gateway.socket(1);
    second.send({ type: "snapshot", users: [] });
    await waitUntil(() => second.heard.length === 1, { what: "the gateway is asked" });
    second.send({ type: "snapshot", users: [] });
    second.send({ type: "snapshot", users: [eve] });
    await untilKnown("eve", 5);
    assert.deepEqual([client.get("bob"), client.stale], [bob, false]);
    const again: UserPresence = { ...bob, version: 120, cause: "restated", at: 0 };
    second.send({ type: "presence", users: [again] });
    await untilKnown("bob", 120);
    assert.deepEqual([told.presence, told.hidden], [[[again]], []]);
    second.send({ type: "presence", users: [{ ...bob, online: false, version: 130 }] });
    await untilKnown("bob", 130);
  });

  test("subscribes and unsubscribes, in frames of bounded size, and again after a cut", async () => {
    start();
    const ids = Array.from({ length: 501 }, (_, index) => `user-${index}`);
    client.subscribe(ids);
    const first = await gateway.socket(0);
    await waitUntil(() => first.heard.length === 2, { what: "two frames arrive" });
    assert.deepEqual(first.heard[0], { type: "subscribe", users: ids.slice(0, 500) });
    assert.deepEqual(first.heard[1], { type: "subscribe", users: ["user-500"] });
    client.unsubscribe(ids.slice(1));
    first.cut();
    await untilState("waiting");
    await clock.advance(1_000);
    const second = await gateway.socket(1);
    await waitUntil(() => second.heard.length === 1, { what: "a frame arrives" });
    assert.deepEqual(second.heard, [{ type: "subscribe", users: ["user-0"] }]);
  });

  test("tells what people see of users, and of oneself, and says what is set of it", async () => {
    start();
    const socket = await gateway.socket(0);
    await untilState("open");
    const users: UserPresence[] = [
      { ...bob, availability: "busy", status: { text: "In a meeting", until: 1_790_000_000_000 } },
      { ...eve, online: true, availability: "away", idleSince: 1_789_999_000_000 },
    ];
    socket.send({ type: "snapshot", users });
    const policy = { invisible: false, online: "audience", lastSeen: "audience", status: "audience" } as const;
    const self: Self = {
      availability: "available",
      policy: { ...policy, devices: "nobody", reciprocal: false, except: { show: [], hide: [] } },
    };
    socket.send({ type: "self", ...self });
    await waitUntil(() => client.self, { what: "it knows oneself" });
    assert.deepEqual([told.snapshot, told.self, client.self], [[users], [self], self]);

    client.setStatus({ text: "Back soon" });
    client.clearStatus();
    client.setPrivacy({ invisible: true });
    await waitUntil(() => socket.heard.length === 3, { what: "all is said" });
    assert.deepEqual(socket.heard, [
      { type: "status", text: "Back soon" },
      { type: "status", clear: true },
      { type: "privacy", invisible: true },
    ]);
    const refusal = { what: "privacy", why: "the organisation shows everybody" };
    socket.send({ type: "refused", ...refusal });
    await waitUntil(() => told.refused.length > 0, { what: "it is refused" });
    assert.deepEqual(told.refused, [refusal]);
  });

  test("logs out with a code that says so, and stays away", async () => {
    start();
    const socket = await gateway.socket(0);
    await untilState("open");
    client.logout();
    await waitUntil(() => socket.closeCode === 4001, { what: "the socket is closed with 4001" });
    assert.deepEqual(client.state, { kind: "closed", code: 4001 });
    await clock.advance(60_000);
    assert.equal(gateway.sockets.length, 1);
  });
});

describe("after a cut", () => {
  test("the first try comes within a second, later ones ever later, at most after 30 s, never in step", async () => {
    start();
    const waits: number[] = [];
    for (let index = 0; index < 8; index++) {
      (await gateway.socket(index)).close(1012);
      await waitUntil(() => client.state.kind === "waiting", { what: "the client waits" });
      assert.equal(client.state.kind, "waiting");
      const { retryMs } = client.state as { retryMs: number };
      waits.push(retryMs);
      await clock.advance(retryMs);
    }
    waits.forEach((wait, index) => {
      assert.ok(wait <= Math.min(30_000, 1_000 * 2 ** index), `wait ${index} took ${wait} ms`);
    });
    assert.equal(new Set(waits).size, waits.length);
    assert.ok(Math.max(...waits) > 1_000, `waits did not grow: ${waits}`);
  });

  test("a connection that lasted makes the next loss a first one", async () => {
    start();
    for (let index = 0; index < 5; index++) {
      (await gateway.socket(index)).cut();
      await untilState("waiting");
      await clock.advance(30_000);
    }
    await gateway.socket(5);
    await untilState("open");
    await clock.advance(10_000);
    (await gateway.socket(5)).cut();
    await untilState("waiting");
    assert.ok((client.state as { retryMs: number }).retryMs <= 1_000);
  });

  test("waking it ends the wait", async () => {
    start();
    (await gateway.socket(0)).cut();
    await untilState("waiting");
    client.wake();
    await gateway.socket(1);
    await untilState("open");
  });

  test("a connection that does not answer when it is woken is given up", async () => {
    start();
    const socket = await gateway.socket(0);
    socket.send({ type: "snapshot", users: [bob] });
    await untilKnown("bob", 20);
    client.wake();
    await waitUntil(() => socket.heard.length === 1, { what: "the gateway is asked" });
    assert.deepEqual(socket.heard, [{ type: "subscribe", users: ["bob"] }]);
    await clock.advance(5_000);
    assert.equal(client.state.kind, "waiting");
  });

  test("a connection that answers when it is woken stays", async () => {
    start();
    const socket = await gateway.socket(0);
    socket.send({ type: "snapshot", users: [bob] });
    await untilKnown("bob", 20);
    client.wake();
    socket.send({ type: "snapshot", users: [{ ...bob, version: 21 }] });
    await untilKnown("bob", 21);
    await clock.advance(60_000);
    assert.equal(client.state.kind, "open");
  });

  test("a gateway that finds it slow is left alone for longer", async () => {
    for (const [chance, retryMs] of [
      [0, 4_000],
      [0.5, 6_000],
    ] as const) {
      clock.random = () => chance;
      start();
      (await gateway.socket(gateway.sockets.length)).close(1013);
      await untilState("waiting");
      assert.deepEqual(client.state, { kind: "waiting", code: 1013, retryMs });
      client.close();
    }
  });

  test("an end that would be the same the next time is told, and stays: no token helps", async () => {
    for (const [index, code] of [4000, 4001, 4403, 4429].entries()) {
      start({ token: async () => "good" });
      (await gateway.socket(index)).close(code);
      await untilState("closed");
      assert.deepEqual(told.state.at(-1), { kind: "closed", code });
      client.wake();
      await clock.advance(60_000);
      assert.equal(gateway.sockets.length, index + 1);
    }
    client.connect();
    await gateway.socket(4);
  });

  test("who was closed by an operator comes back when the block is over, and without one not by itself", async () => {
    start();
    (await gateway.socket(0)).close(4003, "closed for 600 s: stolen phone");
    await untilState("waiting");
    client.wake();
    await clock.advance(599_000);
    assert.equal(gateway.sockets.length, 1);
    await clock.advance(2_000);
    (await gateway.socket(1)).close(4003, "closed: stolen phone");
    await untilState("closed");
    client.wake();
    await clock.advance(60_000);
    assert.equal(gateway.sockets.length, 2);
  });

  test("an end for something that should not have been sent is told with what the gateway said, and stays", async () => {
    const reasons = { 1007: "not_json", 1008: "bad_message: users[0] is empty", 1009: "" };
    for (const [index, [code, reason]] of Object.entries(reasons).entries()) {
      start();
      (await gateway.socket(index)).close(Number(code), reason);
      await untilState("closed");
      const { error, ...state } = client.state as { kind: string; code: number; error: PresenceClientError };
      assert.deepEqual(state, { kind: "closed", code: Number(code) });
      assert.deepEqual([error.name, error.code], ["PresenceClientError", "BAD_FRAME"]);
      assert.ok(error.message.includes(`${code} ${reason}`), error.message);
      client.wake();
      await clock.advance(60_000);
      assert.equal(gateway.sockets.length, index + 1);
    }
    client.connect();
    await gateway.socket(3);
  });
});

describe("a connection that is dead and does not say so", () => {
  /** The first ping is answered, and bob is known. */
  async function untilPonged(index = 0) {
    const socket = await gateway.socket(index);
    await untilState("open");
    await clock.advance(0);
    await waitUntil(() => socket.pings === 1, { what: "the gateway is asked whether it answers pings" });
    socket.send({ type: "pong" });
    socket.send({ type: "snapshot", users: [bob] });
    await untilKnown("bob", 20);
    return socket;
  }

  test("is known as such within 40 s, though nobody asks for anything", async () => {
    start();
    const socket = await untilPonged();
    await clock.advance(24_999);
    assert.equal(socket.pings, 1);
    await clock.advance(1);
    await waitUntil(() => socket.pings === 2, { what: "a ping arrives" });
    await clock.advance(9_999);
    assert.equal(client.state.kind, "open");
    await clock.advance(1);
    assert.equal(client.state.kind, "waiting");
    assert.equal((client.state as { code: number }).code, 1006);
  });

  test("is given up 5 s after it was asked, however often it is asked again", async () => {
    start();
    await untilPonged();
    for (let seconds = 0; seconds < 5; seconds++) {
      assert.equal(client.state.kind, "open");
      client.refresh(["bob"]);
      client.wake();
      await clock.advance(1_000);
    }
    assert.equal(client.state.kind, "waiting");
  });

  test("is known as such before it has answered anything, when a pong came with its opening", async () => {
    start();
    const socket = await gateway.socket(0);
    socket.send({ type: "pong" });
    socket.send({ type: "presence", users: [bob] });
    await untilKnown("bob", 20);
    await clock.advance(35_000);
    assert.deepEqual([client.state.kind, (client.state as { code: number }).code], ["waiting", 1006]);
  });

  test("lives by whatever is heard, not by pongs alone", async () => {
    start();
    const socket = await untilPonged();
    for (let version = 21; version < 31; version++) {
      await clock.advance(34_999);
      socket.send({ type: "presence", users: [{ ...bob, version }] });
      await untilKnown("bob", version);
    }
    assert.equal(client.state.kind, "open");
  });

  test("is found out by wake where nobody is known, too", async () => {
    start();
    const socket = await untilPonged();
    client.unsubscribe(["bob"]);
    client.wake();
    await waitUntil(() => socket.pings === 2, { what: "a ping arrives" });
    await clock.advance(5_000);
    assert.equal(client.state.kind, "waiting");
  });

  test("is not one that has never answered a ping: older gateways do not", async () => {
    start();
    const first = await untilPonged();
    first.cut();
    await untilState("waiting");
    await clock.advance(1_000);
    const second = await gateway.socket(1);
    await untilState("open");
    await clock.advance(3_600_000);
    assert.equal(client.state.kind, "open");
    await waitUntil(() => second.pings === 1, { what: "it was asked once" });
  });
});

describe("what is known is stale", () => {
  test("until the gateway has told how things are, and from a cut on", async () => {
    start();
    const first = await gateway.socket(0);
    await untilState("open");
    assert.equal(client.stale, true);
    first.send({ type: "snapshot", users: [] });
    await waitUntil(() => !client.stale, { what: "it is current" });
    first.cut();
    await untilState("waiting");
    assert.equal(client.stale, true);
    await clock.advance(1_000);
    (await gateway.socket(1)).send({ type: "snapshot", users: [] });
    await waitUntil(() => !client.stale, { what: "it is current again" });
    client.close();
    assert.deepEqual(told.stale, [false, true, false, true]);
  });

  test("while the gateway says so", async () => {
    start();
    const socket = await gateway.socket(0);
    socket.send({ type: "stale", stale: true });
    socket.send({ type: "snapshot", users: [bob] });
    await untilKnown("bob", 20);
    assert.deepEqual([client.stale, told.stale], [true, []]);
    socket.send({ type: "stale", stale: false });
    await waitUntil(() => !client.stale, { what: "it is current" });
    socket.send({ type: "stale", stale: true });
    socket.send({ type: "stale", stale: true });
    await waitUntil(() => client.stale, { what: "it is stale" });
    assert.deepEqual(told.stale, [false, true]);
    assert.deepEqual(
      told.state.map(({ kind }) => kind),
      ["connecting", "open"],
    );
  });
});

describe("a listener", () => {
  test("that throws at every state keeps neither the client from coming back nor others from being told", async () => {
    const thrown = new Error("of the application");
    client = new PresenceClient({ url: `${gateway.url}?device_id=laptop`, clock });
    const errors: unknown[] = [];
    const states: string[] = [];
    client.on("error", (error) => void errors.push(error));
    client.on("error", () => {
      throw new Error("never told of itself");
    });
    client.on("state", () => {
      throw thrown;
    });
    client.on("state", ({ kind }) => void states.push(kind));
    const uncaught = captureUncaught();
    client.connect();
    (await gateway.socket(0)).cut();
    await untilState("waiting");
    await clock.advance(1_000);
    await gateway.socket(1);
    await untilState("open");
    assert.deepEqual(states, ["connecting", "open", "waiting", "connecting", "open"]);
    assert.deepEqual(
      errors,
      states.map(() => thrown),
    );
    await waitUntil(() => uncaught().length === states.length, {
      what: "the errors of the error listener are reported",
    });
  });

  test("that throws while nobody listens to errors is reported as if it had not been caught", async () => {
    const uncaught = captureUncaught();
    client = new PresenceClient({ url: gateway.url, clock });
    client.on("state", () => {
      throw new Error("of the application");
    });
    client.connect();
    await waitUntil(() => uncaught().length > 0, { what: "it is reported" });
    assert.match(String(uncaught()[0]), /of the application/);
  });

  test("that ends itself or another, or adds one, changes nothing for the others", async () => {
    client = new PresenceClient({ url: gateway.url, clock });
    const heard: string[] = [];
    const endFirst = client.on("state", () => {
      heard.push("first");
      endFirst();
      endThird();
      client.on("state", () => heard.push("late"));
    });
    client.on("state", () => heard.push("second"));
    const endThird = client.on("state", () => heard.push("third"));
    client.connect();
    assert.deepEqual(heard, ["first", "second"]);
    client.close();
    assert.deepEqual(heard, ["first", "second", "second", "late"]);
  });

  test("that closes or connects is obeyed, and everybody hears of all states in their order", async () => {
    client = new PresenceClient({ url: gateway.url, clock });
    const states: string[] = [];
    let closes = 0;
    client.on("state", ({ kind }) => {
      if (kind === "connecting" && closes++ < 2) client.close();
      if (kind === "closed" && closes < 3) client.connect();
    });
    client.on("state", ({ kind }) => void states.push(kind));
    client.connect();
    assert.deepEqual(states, ["connecting", "closed", "connecting", "closed", "connecting"]);
    await gateway.socket(0);
    await untilState("open");
    assert.equal(gateway.sockets.length, 1);
  });

  test("that closes the client when it hears of a user hears no more", async () => {
    start();
    client.on("snapshot", () => client.close());
    const socket = await gateway.socket(0);
    socket.send({ type: "snapshot", users: [bob] });
    socket.send({ type: "presence", users: [{ ...bob, version: 21 }] });
    await untilState("closed");
    await waitUntil(() => socket.closeCode === 1000, { what: "the socket is closed" });
    assert.deepEqual(told.presence, []);
    assert.equal(client.stale, true);
    assert.equal(told.stale.at(-1) ?? true, true);
  });
});

describe("a gateway that talks nonsense", () => {
  test("is told of, and believed in what makes sense", async () => {
    start();
    const socket = await gateway.socket(0);
    for (const text of ["no JSON", "null", '"text"', '{"type":"snapshot"}', '{"type":"hidden","users":7}']) {
      socket.sendText(text);
    }
    for (const type of ["toString", "__proto__", "constructor", 7, null]) socket.sendText(JSON.stringify({ type }));
    const wrong = [null, 7, "eve", {}, { id: 7, online: true, version: 1 }, { id: "eve", version: 1 }];
    const unordered = ["9", -0.5, 2 ** 53, null].map((version) => ({ id: "eve", online: true, version }));
    socket.sendText(JSON.stringify({ type: "snapshot", users: [...wrong, ...unordered, bob] }));
    socket.sendText('{"type":"presence","users":[{"id":"eve","online":true,"version":1e400}]}');
    socket.sendText(JSON.stringify({ type: "hidden", users: [7, null, "bob"] }));
    await waitUntil(() => told.hidden.length > 0, { what: "somebody is hidden" });
    assert.deepEqual(told.snapshot, [[bob]]);
    assert.deepEqual(told.presence, []);
    assert.deepEqual(told.hidden, [["bob"]]);
    assert.deepEqual(
      told.error.map((error) => (error as PresenceClientError).code),
      Array(4).fill("BAD_FRAME"),
    );
    assert.equal(client.state.kind, "open");
  });
});

describe("an error", () => {
  test("says what is wrong with a token, but not the token", async () => {
    start({ token: "Bearer secret" });
    await untilState("closed");
    const { code, error } = client.state as { code: number; error: PresenceClientError };
    assert.deepEqual([code, error.name, error.code], [0, "PresenceClientError", "BAD_TOKEN"]);
    assert.doesNotMatch(`${error.stack} ${error.cause}`, /secret/);
  });

  test("says why there is no token", async () => {
    const reason = new Error("the login is away");
    start({ token: () => Promise.reject(reason) });
    await untilState("waiting");
    assert.equal((client.state as { error: unknown }).error, reason);
  });
});

/** Errors that nobody caught, from now to the end of the test. */
function captureUncaught(): () => unknown[] {
  const errors: unknown[] = [];
  const before = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  const capture = (error: unknown) => errors.push(error);
  process.on("uncaughtException", capture);
  giveBack = () => {
    process.off("uncaughtException", capture);
    for (const listener of before) process.on("uncaughtException", listener);
  };
  return () => errors;
}

describe("a token", () => {
  test("travels as a sub-protocol", async () => {
    start({ token: "header.claims.signature" });
    const { protocols } = await gateway.socket(0);
    assert.deepEqual(protocols, ["realchat.presence.v1.json", "bearer.header.claims.signature"]);
  });

  test("is asked for again once the gateway refused it", async () => {
    const refusals: boolean[] = [];
    const token = async (refused: boolean) => {
      refusals.push(refused);
      return refused ? "new" : "old";
    };
    start({ token });
    (await gateway.socket(0)).close(4401);
    await untilState("waiting");
    await clock.advance(1_000);
    assert.deepEqual((await gateway.socket(1)).protocols.at(-1), "bearer.new");
    assert.deepEqual(refusals, [false, true]);
  });

  test("that cannot be had is asked for again later", async () => {
    let asked = 0;
    start({
      token: async () => {
        asked += 1;
        if (asked === 1) throw new Error("the login is away");
        return "at-last";
      },
    });
    await untilState("waiting");
    await clock.advance(1_000);
    assert.deepEqual((await gateway.socket(0)).protocols.at(-1), "bearer.at-last");
  });

  test("that is refused and never changes ends it", async () => {
    start({ token: "old" });
    (await gateway.socket(0)).close(4401);
    await untilState("closed");
    assert.deepEqual(client.state, { kind: "closed", code: 4401 });
  });
});
