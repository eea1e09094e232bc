import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { presence } from "@realchat/presence-proto";
import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { waitUntil } from "@realchat/presence-testing";
import type { EventCollector } from "../testing/event-collector.ts";
import { Fleet, metricOf } from "../testing/fleet.ts";
import type { HeldSocket } from "../testing/gateway.ts";
import { historyOf } from "../testing/history.ts";

const { TRANSITION_CAUSE_EXPIRED } = presence.TransitionCause;
const ttlMs = 2_000;

describe("nodes that die under live sessions", () => {
  let fleet: Fleet;
  let kafka: EventCollector;

  before(async () => {
    fleet = await Fleet.start({ nodes: 2, ttlMs });
    kafka = await fleet.collect();
  });
  after(() => fleet.stop());

  test("while nodes are killed and replaced no live user goes offline (P1)", async (t) => {
    const gateways = Array.from({ length: 4 }, () => fleet.openGateway(400));
    const holding = gateways.flatMap((gateway, number) =>
      Array.from({ length: 20 }, async (_, index) => {
        const userId = `alive-${number}-${index}`;
        await gateway.openSocket(userId, "phone", index % 2 === 0);
        if (index % 4 === 0) await gateway.openSocket(userId, "laptop");
      }),
    );
    await Promise.all(holding);
    const churn = reconnectTablets(fleet, ["alive-0-0", "alive-1-1", "alive-2-2", "alive-3-3"]);
    t.after(() => churn.stop());
    for (let round = 0; round < 3; round++) {
      const [victim] = fleet.nodes;
      assert(victim !== undefined);
      await fleet.kill(victim);
      await fleet.addNode();
    }
    await churn.stop();
    const held = (await Promise.all(gateways.map((gateway) => gateway.crash()))).flat();
    for (const gateway of gateways) {
      assert.deepEqual([gateway.missing, gateway.superseded], [[], []]);
      assert(gateway.failures.size > 0, "the gateways saw nodes die");
    }
    assert(churn.rounds() > 10, "a second device came and went");

    // From here on no session is refreshed; these are the first offline events in Kafka.
    for (const [userId, lastMs] of lastHeartbeats(held)) {
      const left = await kafka.first(userId, "offline");
      assert(left.arrivedMs >= lastMs.sent + ttlMs - 50, `P1: ${userId} went offline too early`);
      assert.equal(left.update.cause, TRANSITION_CAUSE_EXPIRED);
      assert.deepEqual(
        historyOf(kafka.of(userId)).map(({ online }) => online),
        [true, false],
      );
    }
  });

  test("a session without heartbeats is offline in Kafka at most a TTL and a second later (P2)", async () => {
    const heldUpMs = fleet.heldUp();
    const held = await holdForAWhile(fleet, "silent");
    for (const [userId, lastMs] of lastHeartbeats(held)) {
      const { arrivedMs } = await kafka.first(userId, "offline");
      const silentMs = Math.round(arrivedMs - lastMs.answered);
      assert(silentMs <= ttlMs + 1_000 + heldUpMs(), `${userId} was a ghost for ${silentMs} ms`);
      assert(arrivedMs - lastMs.sent >= ttlMs - 50, `P1: ${userId} went offline ${silentMs} ms after a heartbeat`);
    }
  });

  test("when the node that publishes dies in between, at most two seconds later (P2)", async () => {
    const [victim, heir] = fleet.nodes;
    assert(victim !== undefined && heir !== undefined);
    const shards = () => Promise.all([victim, heir].map((node) => metricOf(node, "presence_shards_held")));
    await waitUntil(async () => (await shards()).every((held) => held === 8), { what: "each node has its share" });

    const heldUpMs = fleet.heldUp();
    const held = await holdForAWhile(fleet, "orphan");
    const lastMs = lastHeartbeats(held);
    const firstMs = Math.min(...[...lastMs.values()].map(({ sent }) => sent));
    await pause(systemClock, Math.max(0, firstMs + ttlMs - 100 - systemClock.monotonicMs()));
    await fleet.kill(victim);
    for (const [userId, { answered }] of lastMs) {
      const { arrivedMs } = await kafka.first(userId, "offline");
      const silentMs = Math.round(arrivedMs - answered);
      assert(silentMs <= ttlMs + 2_000 + heldUpMs(), `${userId} was a ghost for ${silentMs} ms`);
    }
    const isHeir = async () => (await metricOf(heir, "presence_shards_held")) === 16;
    await waitUntil(isHeir, { what: "the other one has all shards" });
  });
});

/**
 * A gateway that lives for a second and a half, with a user in nearly every shard, and what it held when it vanished.
 */
async function holdForAWhile(fleet: Fleet, name: string): Promise<HeldSocket[]> {
  const gateway = fleet.openGateway(300);
  const users = Array.from({ length: 64 }, (_, index) => `${name}-${index}`);
  await Promise.all(users.map((userId, index) => gateway.openSocket(userId, "phone", index % 2 === 0)));
  const startedMs = systemClock.monotonicMs();
  const lastSent = () => gateway.lastSentMs - startedMs;
  await waitUntil(() => lastSent() > 1_500, { what: "some heartbeats went out" });
  return gateway.crash();
}

/** By user: the last heartbeat of all the user's devices. */
function lastHeartbeats(held: readonly HeldSocket[]): Map<string, { sent: number; answered: number }> {
  const last = new Map<string, { sent: number; answered: number }>();
  for (const { userId, sentMs, answeredMs } of held) {
    const before = last.get(userId) ?? { sent: 0, answered: 0 };
    last.set(userId, { sent: Math.max(before.sent, sentMs), answered: Math.max(before.answered, answeredMs) });
  }
  return last;
}

/** A second device of each user that comes and goes all the time, through any node that answers. */
function reconnectTablets(fleet: Fleet, users: readonly string[]): { rounds(): number; stop(): Promise<void> } {
  let rounds = 0;
  let stopped = false;
  const run = async () => {
    while (!stopped) {
      const node = fleet.clients[rounds % fleet.clients.length];
      await Promise.allSettled(
        users.map(async (userId) => {
          const device = { userId, deviceId: "tablet" };
          await node?.api.registerSession({ ...device, instanceId: "gateway-x" });
          await node?.api.unregisterSession(device);
        }),
      );
      rounds++;
      await pause(systemClock, 20);
    }
  };
  const running = run();
  return {
    rounds: () => rounds,
    async stop() {
      stopped = true;
      await running;
    },
  };
}
