import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { health, presence } from "@realchat/presence-proto";
import { systemClock } from "@realchat/presence-runtime/clock";
import { type TestPresence, waitUntil } from "@realchat/presence-testing";
import { createClient } from "@redis/client";
import { shardKeys } from "../store/redis/keys.ts";
import type { EventCollector } from "../testing/event-collector.ts";
import { Fleet, metricOf } from "../testing/fleet.ts";
import { historyOf } from "../testing/history.ts";
import { CallFailure, connectPresence, type PresenceClient } from "../testing/presence-client.ts";
import { Watched } from "./contract/watched.ts";

const { SERVING, NOT_SERVING } = health.HealthCheckResponse_ServingStatus;
const { TRANSITION_CAUSE_EXPIRED } = presence.TransitionCause;
const ttlMs = 2_000;
const delayMs = 2_000;

describe("a rolling redeploy", () => {
  let fleet: Fleet;
  let kafka: EventCollector;

  before(async () => {
    fleet = await Fleet.start({ nodes: 2, ttlMs, env: { DRAIN_DELAY: `${delayMs}ms` } });
    kafka = await fleet.collect();
  });
  after(() => fleet.stop());

  test("SIGTERM: no longer healthy, serves on for DRAIN_DELAY, then watchers sent to other nodes, leases released at once, exit 0, no user went offline (P1)", async () => {
    const gateway = fleet.openGateway(300);
    const users = Array.from({ length: 40 }, (_, index) => `redeployed-${index}`);
    await Promise.all(users.map((userId, index) => gateway.openSocket(userId, "phone", index % 2 === 0)));

    for (const leaving of fleet.nodes) {
      await waitUntil(() => fairlyShared(fleet), { what: "each node has its share" });
      assert.equal((await publishersIn(fleet)).size, 2);
      const client = connectPresence(leaving.grpcAddress);
      const watch = await Watched.start(client, users);
      const told = followHealth(client);
      await waitUntil(() => told.statuses.at(-1) === SERVING, { what: "health is watched" });
      const endOfWatch = waitUntil(() => watch.failure, { what: "the watch ends" }).then((failure) => ({
        failure,
        statuses: [...told.statuses],
      }));

      const termMs = systemClock.monotonicMs();
      const stopped = leaving.stop();
      await waitUntil(() => told.statuses.at(-1) === NOT_SERVING, { what: "it says that it goes" });
      await client.api.getPresence({ userIds: users });
      assert.equal(watch.failure, undefined, "it serves on");
      assert.equal(await stopped, 0);
      assert.equal((await publishersIn(fleet)).size, 1, "it gave its leases up");
      const tookMs = systemClock.monotonicMs() - termMs;
      assert(tookMs >= delayMs && tookMs <= delayMs + 10_000, `the drain took ${tookMs} ms`);
      const { failure, statuses } = await endOfWatch;
      assert(failure instanceof CallFailure);
      assert.deepEqual(
        [failure.code, failure.message],
        ["UNAVAILABLE", "this node is going away: watch again, from another"],
      );
      assert.deepEqual(statuses, [SERVING, NOT_SERVING], "health turned before watchers were sent away");

      fleet.announceShutdown(leaving);
      await publishesEverything(fleet, kafka);
      client.close();
      await fleet.addNode();
    }

    await gateway.crash();
    assert.deepEqual([gateway.missing, gateway.superseded], [[], []]);
    for (const userId of users) {
      await kafka.first(userId, "offline");
      assert.deepEqual(
        historyOf(kafka.of(userId)).map(({ update }) => update.cause),
        [presence.TransitionCause.TRANSITION_CAUSE_CONNECTED, TRANSITION_CAUSE_EXPIRED],
      );
    }
  });
});

async function fairlyShared(fleet: Fleet): Promise<boolean> {
  const held = await Promise.all(fleet.nodes.map((node: TestPresence) => metricOf(node, "presence_shards_held")));
  return held.every((shards) => shards === 16 / fleet.nodes.length);
}

function followHealth({ health }: PresenceClient): { statuses: health.HealthCheckResponse_ServingStatus[] } {
  const told: { statuses: health.HealthCheckResponse_ServingStatus[] } = { statuses: [] };
  const follow = async () => {
    for await (const { status } of health.watch({ service: "" })) told.statuses.push(status);
  };
  // It ends with the node.
  follow().catch(() => {});
  return told;
}

/** Ids of the nodes that hold leases of shards. */
async function publishersIn(fleet: Fleet): Promise<Set<string>> {
  const redis = createClient({ url: fleet.redis.url });
  await redis.connect();
  const holders = await redis.mGet(shardKeys(16).map(({ publisher }) => publisher));
  redis.destroy();
  return new Set(holders.filter((holder) => holder !== null));
}

/** Users of every shard come, and Kafka hears of them. */
async function publishesEverything(fleet: Fleet, kafka: EventCollector): Promise<void> {
  const users = Array.from({ length: 100 }, (_, index) => `${fleet.nodes[0]?.pid}-${index}`);
  const [node] = fleet.clients;
  assert(node !== undefined);
  await Promise.all(
    users.map((userId) => node.api.registerSession({ userId, deviceId: "phone", instanceId: "gateway" })),
  );
  const { presences } = await node.api.getPresence({ userIds: users });
  assert.equal(new Set(presences.map(({ shard }) => shard)).size, 16);
  await Promise.all(users.map((userId) => kafka.first(userId, "online")));
}
