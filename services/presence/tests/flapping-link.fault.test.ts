import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { PresenceChannels, SessionKeeper } from "@realchat/presence-client";
import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { seed, type TestPresence } from "@realchat/presence-testing";
import type { EventCollector } from "../testing/event-collector.ts";
import { Fleet } from "../testing/fleet.ts";
import { seededRandom } from "../testing/interleavings/random.ts";
import { LivingUsers } from "../testing/living-users.ts";
import { type LossyProxy, openLossyProxy } from "../testing/lossy-proxy.ts";

/** Longer than a node may need, of which every twentieth chunk is lost, until a connection is made and has ticked. */
const ttlMs = 8_000;
const flapsMs = 2 * ttlMs;
const lostShare = 0.05;
/** So many that hardly a call gets through, and a gateway takes presence for away. */
const lostShareWorse = 0.12;

/** Presence some of whose nodes are behind that link. */
class Stage {
  readonly fleet: Fleet;
  readonly random = seededRandom(seed());
  readonly #link: LossyProxy;
  #kafka: EventCollector | undefined;

  static async open(): Promise<Stage> {
    const fleet = await Fleet.start({ nodes: 0, ttlMs });
    return new Stage(fleet, await openLossyProxy(fleet.redis));
  }

  private constructor(fleet: Fleet, link: LossyProxy) {
    this.fleet = fleet;
    this.#link = link;
  }

  async close(): Promise<void> {
    await this.fleet.stop();
    await this.#link.close();
  }

  addBad(): Promise<TestPresence> {
    return this.fleet.addNode({ REDIS_URL: this.#link.url });
  }

  /** @returns those who went offline while the link flapped, or because it had */
  async leaving(userIds: readonly string[], share: number): Promise<string[]> {
    this.#kafka ??= await this.fleet.collect();
    const kafka = this.#kafka;
    await Promise.all(userIds.map((userId) => kafka.first(userId, "online")));
    this.#link.flap(share, this.random);
    await pause(systemClock, flapsMs);
    this.#link.flap(0, this.random);
    // What happened meanwhile is in Kafka by then.
    await pause(systemClock, ttlMs);
    return userIds.filter((userId) => kafka.of(userId).some(({ online }) => !online));
  }
}

// At once: they wait.
describe("a link to Redis that flaps: 5 % of the chunks are lost, each resets its connection", {
  concurrency: 2,
}, () => {
  describe("for all nodes", () => {
    let stage: Stage;
    before(async () => {
      stage = await Stage.open();
    });
    after(() => stage.close());

    test("with one node nobody who lives goes offline (P1)", async (t) => {
      await nobodyLeaves(t, stage, "one", [await stage.addBad()]);
    });

    test("nor with two nodes on that link", async (t) => {
      await stage.addBad();
      await nobodyLeaves(t, stage, "two", stage.fleet.nodes);
    });
  });

  describe("for one of two nodes", () => {
    let stage: Stage;
    let bad: TestPresence;
    before(async () => {
      stage = await Stage.open();
      bad = await stage.addBad();
      await stage.fleet.addNode();
    });
    after(() => stage.close());

    test("nor do callers of the bad one of two, while the other one's clock runs on", async (t) => {
      await nobodyLeaves(t, stage, "pinned", [bad]);
    });

    test("nor do sessions of a SessionKeeper that reaches the bad one alone", async (t) => {
      const channels = new PresenceChannels({ addresses: [bad.grpcAddress] });
      const keeper = new SessionKeeper({ channels, instanceId: "gateway", leases: false });
      t.after(async () => {
        await keeper.drain();
        await channels.close();
      });
      const userIds = Array.from({ length: 100 }, (_, index) => `kept-${index}`);
      for (const userId of userIds) keeper.open({ userId, deviceId: "phone" });
      const left = await stage.leaving(userIds, lostShareWorse);
      const { unconfirmed, outages } = keeper.metrics();
      t.diagnostic(`${left.length} of ${userIds.length} went offline; ${unconfirmed} unconfirmed, ${outages} outages`);
      assert(unconfirmed > userIds.length && outages > 0, "the link did flap");
      assert.deepEqual(left, [], "P1");
    });
  });
});

async function nobodyLeaves(t: TestContext, stage: Stage, name: string, nodes: readonly TestPresence[]): Promise<void> {
  const clients = nodes.map((node) => stage.fleet.impatientClient(node));
  const users = new LivingUsers({ nodes: clients, name, count: 100, beatMs: ttlMs / 3, random: stage.random });
  t.after(() => users.end());
  await users.begin();
  const left = await stage.leaving(users.userIds, lostShare);
  t.diagnostic(
    `${left.length} of ${users.userIds.length} went offline; answers ${JSON.stringify([...users.answers])}; ` +
      `no heartbeat for ${Math.ceil(users.longestSilenceMs)} ms at most`,
  );
  assert(users.longestSilenceMs < ttlMs, "this machine is too slow for callers to send their heartbeats in time");
  assert((users.answers.get("UNAVAILABLE") ?? 0) > users.userIds.length / 5, "the link did flap");
  assert.deepEqual(left, [], "P1");
}
