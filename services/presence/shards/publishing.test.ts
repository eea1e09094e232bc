import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { type PublishedEntry, transitionsIn } from "../domain/log-entry.ts";
import { defaultRules } from "../domain/rules.ts";
import type { Transition } from "../domain/transition.ts";
import { createMemoryStore } from "../store/memory/memory-store.ts";
import type { PresenceStore } from "../store/store.ts";
import { Publishing, type PublishingOptions } from "./publishing.ts";
import { ScriptedPublisher } from "./testing/scripted-publisher.ts";

describe("publishing", () => {
  let clock: FakeClock;
  let store: PresenceStore;
  let broker: ScriptedPublisher;

  beforeEach(async () => {
    clock = new FakeClock();
    store = createMemoryStore({ rules: defaultRules, retentionMs: 3_600_000, logMaxEntries: 10_000 }, clock);
    await store.open();
    broker = new ScriptedPublisher();
  });

  function start(nodeId: string, publishers: ScriptedPublisher[], nodeClock: FakeClock = clock): Publishing {
    const publishing = new Publishing({
      store,
      shardCount: 1,
      nodeId,
      publishers,
      clock: nodeClock,
      onOverflow: () => assert.fail("nothing was trimmed in this test"),
    });
    store.follow(0, { entry: (transition) => publishing.announce(transition), interrupted: () => undefined });
    publishing.start();
    return publishing;
  }

  async function connect(userId: string) {
    await store.register({
      userId,
      deviceId: "phone",
      instanceId: "gateway-1",
      connectionId: "",
      previousSessionId: "",
    });
  }

  const users = (entries: readonly PublishedEntry[]) => transitionsIn(entries).map(({ userId }) => userId);

  test("publishes entries from before its start, and later ones, in order (P4)", async () => {
    await connect("alice");
    start("node-1", [broker]);
    await clock.advance(10);
    await connect("bob");
    await clock.advance(10);
    assert.deepEqual(users(broker.accepted), ["alice", "bob"]);
  });

  test("an unavailable broker delays entries and loses none (P4)", async () => {
    start("node-1", [broker]);
    await clock.advance(10);
    broker.refuse = true;
    for (const userId of ["alice", "bob", "carol"]) await connect(userId);
    await clock.advance(60_000);
    assert.deepEqual(broker.accepted, []);
    broker.refuse = false;
    await clock.advance(2_000);
    assert.deepEqual(users(broker.accepted), ["alice", "bob", "carol"]);
    assert.equal(broker.mostInFlight, 1, "one send in flight, or a retry could overtake");
  });

  test("an unavailable publisher does not delay another", async () => {
    const pubsub = new ScriptedPublisher("redis-pubsub");
    start("node-1", [broker, pubsub]);
    broker.refuse = true;
    await connect("alice");
    await clock.advance(100);
    assert.deepEqual(users(pubsub.accepted), ["alice"]);
    assert.deepEqual(broker.accepted, []);
  });

  test("a node that stops releases its leases: its successor continues at the same cursor", async () => {
    const first = start("node-1", [broker]);
    await connect("alice");
    await clock.advance(10);
    await first.stop();
    await connect("bob");
    assert.deepEqual(users(broker.accepted), ["alice"]);
    start("node-2", [broker]);
    await clock.advance(10);
    assert.deepEqual(users(broker.accepted), ["alice", "bob"]);
  });

  test("cursors that moved far are saved soon, and others now and then: so much is sent again when a node dies (P4)", async () => {
    const saved: number[] = [];
    const advance = store.advance.bind(store);
    store.advance = (shard, fence, cursors) => {
      saved.push(clock.monotonicMs());
      return advance(shard, fence, cursors);
    };
    start("node-1", [broker]);
    for (let step = 0; step < 20; step++) {
      await connect(`user-${step}`);
      await clock.advance(50);
    }
    assert.ok(saved.length >= 2 && saved.length <= 3, `one a 50 ms: saved at ${saved}`);
    await clock.advance(1_000);
    saved.length = 0;
    for (let number = 0; number < 32; number++) await connect(`one-of-many-${number}`);
    await clock.advance(100);
    for (let number = 32; number < 64; number++) await connect(`one-of-many-${number}`);
    await clock.advance(100);
    assert.equal(saved.length, 2, `thirty-two a 100 ms: saved at ${saved}`);
  });

  test("a node that dies is succeeded within 2 s, with repetitions but without gaps (P2, P4)", async () => {
    const dead = new ScriptedPublisher();
    const stopped = new FakeClock();
    start("node-1", [dead], stopped);
    await connect("alice");
    await stopped.advance(0);
    dead.refuse = true;
    await connect("bob");
    start("node-2", [broker]);
    await clock.advance(1_000);
    assert.deepEqual(broker.accepted, [], "the lease still runs");
    await clock.advance(1_000);
    assert.ok(users(broker.accepted).includes("bob"));
    assert.deepEqual([...new Set(users([...dead.accepted, ...broker.accepted]))], ["alice", "bob"]);
  });

  test("says how old the oldest unsent entry is", async () => {
    const publishing = start("node-1", [broker]);
    await clock.advance(10);
    broker.refuse = true;
    await connect("alice");
    await clock.advance(5_000);
    const lagMs = publishing.metrics().lagMs.kafka ?? 0;
    assert.ok(lagMs >= 5_000 && lagMs < 6_000, `lag is ${lagMs} ms`);
  });

  test("publishes every healthy shard when another one or the list of nodes is broken", async () => {
    const entry = (shard: number): Transition => ({
      ...{ userId: `of-${shard}`, online: true, version: 1_000 + shard, cause: "CONNECTED", deviceId: "phone" },
      ...{ instanceId: "gateway-1", lastSeenMs: 0, shard },
    });
    const fail = () => Promise.reject(new Error("somebody else wrote this key"));
    const broken: PublishingOptions["store"] = {
      announceNode: fail,
      withdrawNode: async () => {},
      claim: (shard) => (shard === 1 ? fail() : Promise.resolve({ fence: 1, begin: 0, cursors: {} })),
      release: async () => {},
      advance: async () => true,
      lastVersion: async () => 0,
      readLog: (shard, after) =>
        shard === 2 ? fail() : Promise.resolve({ entries: after === 0 ? [entry(shard)] : [], gap: false }),
      follow: () => () => {},
      async *scanOnline() {},
      beginRestating: async () => undefined,
    };
    const options = { nodeId: "node-1", publishers: [broker], clock, onOverflow: () => assert.fail("no overflow") };
    const publishing = new Publishing({ store: broken, shardCount: 4, ...options });
    publishing.start();
    await clock.advance(2_000);
    assert.deepEqual(users(broker.accepted).sort(), ["of-0", "of-3"]);
    assert.equal(publishing.metrics().shardsHeld, 3);
    await publishing.stop();
  });
});
