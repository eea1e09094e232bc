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

describe("a link to Redis that flaps: 5 % of the chunks are lost, each resets its connection", () => {
  let fleet: Fleet;
  let link: LossyProxy;
  let kafka: EventCollector;
  const random = seededRandom(seed());

  before(async () => {
    fleet = await Fleet.start({ nodes: 0, ttlMs });
    link = await openLossyProxy(fleet.redis);
  });
  after(async () => {
    await fleet.stop();
    await link.close();
  });

  const addShaky = () => fleet.addNode({ REDIS_URL: link.url });

  test("with one node nobody who lives goes offline (P1)", async (t) => {
    const node = await addShaky();
    kafka = await fleet.collect();
    await nobodyLeaves(t, "one", [node]);
  });

  test("nor with two nodes on that link", async (t) => {
    await addShaky();
    await nobodyLeaves(t, "two", fleet.nodes);
  });

  test("nor do callers of the bad one of two, while the other one's clock runs on", async (t) => {
    const [one, other] = fleet.nodes;
    assert(one !== undefined && other !== undefined);
    await fleet.kill(other);
    fleet.announceShutdown(other);
    await fleet.addNode();
    await nobodyLeaves(t, "pinned", [one]);
  });

  test("nor do sessions of a SessionKeeper that reaches the bad one alone", async (t) => {
    const [bad] = fleet.nodes;
    assert(bad !== undefined);
    const channels = new PresenceChannels({ addresses: [bad.grpcAddress] });
    const keeper = new SessionKeeper({ channels, instanceId: "gateway", leases: false });
    t.after(async () => {
      await keeper.drain();
      await channels.close();
    });
    const userIds = Array.from({ length: 100 }, (_, index) => `kept-${index}`);
    for (const userId of userIds) keeper.open({ userId, deviceId: "phone" });
    const left = await leaving(userIds, lostShareWorse);
    const { unconfirmed, outages } = keeper.metrics();
    t.diagnostic(`${left.length} of ${userIds.length} went offline; ${unconfirmed} unconfirmed, ${outages} outages`);
    assert(unconfirmed > userIds.length && outages > 0, "the link did flap");
    assert.deepEqual(left, [], "P1");
  });

  async function nobodyLeaves(t: TestContext, name: string, nodes: readonly TestPresence[]): Promise<void> {
    const clients = nodes.map((node) => fleet.impatientClient(node));
    const users = new LivingUsers({ nodes: clients, name, count: 100, beatMs: ttlMs / 3, random });
    t.after(() => users.end());
    await users.begin();
    const left = await leaving(users.userIds);
    t.diagnostic(
      `${left.length} of ${users.userIds.length} went offline; answers ${JSON.stringify([...users.answers])}; ` +
        `no heartbeat for ${Math.ceil(users.longestSilenceMs)} ms at most`,
    );
    assert(users.longestSilenceMs < ttlMs, "this machine is too slow for callers to send their heartbeats in time");
    assert((users.answers.get("UNAVAILABLE") ?? 0) > users.userIds.length, "the link did flap");
    assert.deepEqual(left, [], "P1");
  }

  /** @returns those who went offline while the link flapped, or because it had */
  async function leaving(userIds: readonly string[], share = lostShare): Promise<string[]> {
    await Promise.all(userIds.map((userId) => kafka.first(userId, "online")));
    link.flap(share, random);
    await pause(systemClock, flapsMs);
    link.flap(0, random);
    // What happened meanwhile is in Kafka by then.
    await pause(systemClock, ttlMs);
    return userIds.filter((userId) => kafka.of(userId).some(({ online }) => !online));
  }
});
