import { PresenceChannels } from "@realchat/presence-client";
import { systemClock as clock, pause } from "@realchat/presence-runtime/clock";
import {
  freePort,
  startDelivery,
  startKafka,
  startPresence,
  startRedis,
  type TestDelivery,
  waitUntil,
} from "@realchat/presence-testing";
import { EventCollector } from "../../services/presence/testing/event-collector.ts";
import type { Benchmark } from "../benchmark.ts";
import { percentile } from "../report/figure.ts";
import { ReturningCrowd } from "./crowd/returning-crowd.ts";
import { gatewaySettings } from "./embedded-gateway.ts";
import { audienceFile } from "./relations.ts";

/** As in infra/helm/realchat-presence/values.yaml. */
const draining = { DRAIN_DELAY: "5s", DRAIN_TIMEOUT: "40s" };
const spread = { DRAIN_SPREAD: "20s" };
const usersOfConversation = 10;
const callsPerSecond = 200;
/** Until endpoints have forgotten a pod that is told to stop. */
const endpointsLagMs = 2_000;
/** Longer than OFFLINE_GRACE: who were not back would be offline by then. */
const settledMs = 7_000;

/** A rollout of the chart: a successor is ready, then the old one is not ready, serves on, and gets SIGTERM. */
export const rollingRestart: Benchmark = {
  name: "rolling-restart",
  about: "what users and callers notice while two nodes and two gateways are replaced one by one, as the chart does it",
  limitSeconds: 400,
  async run(bench) {
    const sockets = bench.quick ? 500 : 5_000;
    bench.progress("starting Redis, Kafka, two presence nodes and two gateways");
    const [redis, kafka] = await Promise.all([startRedis(), startKafka()]);
    const servers = { REDIS_URL: redis.url, KAFKA_BROKERS: kafka.brokers, LOG_LEVEL: "warn" };
    // The last two are those of the successors: addresses that a name would have later.
    const addresses = await Promise.all(Array.from({ length: 4 }, async () => `127.0.0.1:${await freePort()}`));
    const startNode = (index: number) =>
      startPresence({ env: { ...servers, ...draining, GRPC_ADDR: addresses[index] as string } });
    const userIds = Array.from({ length: sockets }, (_, index) => `user-${index}`);
    const env = {
      ...{ ...gatewaySettings, ...draining, ...spread },
      ...{
        KAFKA_BROKERS: kafka.brokers,
        PRESENCE_SVC_ADDR: addresses.join(","),
        AUDIENCE_FILE: conversationsOf(userIds),
      },
    };
    const startGateway = () => startDelivery({ env });
    const nodes = await Promise.all([startNode(0), startNode(1)]);
    let gateways: readonly TestDelivery[] = await Promise.all([startGateway(), startGateway()]);
    const collector = await EventCollector.start(kafka.brokers, "presence.events.v1");
    const crowd = new ReturningCrowd();
    const route = () => crowd.route(gateways.map(({ socketAddress }) => socketAddress));
    await route();
    await crowd.open(userIds, 500);
    const comings = () => collector.events.filter(({ online }) => online).length;
    await waitUntil(() => comings() >= sockets, { what: "all are online", deadlineMs: 60_000 });
    // Snapshots of those who came first show others who had not come yet.
    await pause(clock, 1_000);
    await crowd.count();

    const channels = new PresenceChannels({ addresses });
    const failures: unknown[] = [];
    let calls = 0;
    const stopCalling = clock.every(1_000 / callsPerSecond, () => {
      const userId = userIds[calls++ % sockets] as string;
      channels.api.getPresence({ userIds: [userId] }, { timeoutMs: 10_000 }).catch((error) => failures.push(error));
    });

    bench.progress(`${sockets.toLocaleString("en")} sockets; replacing the nodes`);
    for (const [index, leaving] of [...nodes].entries()) {
      const successor = await startNode(index + 2);
      nodes.push(successor);
      const isUsed = () => channels.health().channels[index + 2]?.state === "serving";
      await waitUntil(isUsed, { what: "callers have found the successor", deadlineMs: 30_000 });
      await leaving.stop();
    }
    bench.progress("replacing the gateways");
    const counts = { grey: 0, refused: 0, awayMs: [] as number[] };
    const count = async () => {
      const { open, grey, refused, awayMs } = await crowd.count();
      counts.grey += grey;
      counts.refused += refused;
      counts.awayMs.push(...awayMs);
      return open;
    };
    for (const leaving of gateways) {
      gateways = [...gateways, await startGateway()];
      await route();
      const stopped = leaving.stop();
      await pause(clock, endpointsLagMs);
      gateways = gateways.filter((gateway) => gateway !== leaving);
      await route();
      await stopped;
      await waitUntil(async () => (await count()) === sockets, { what: "all are back", deadlineMs: 30_000 });
    }
    await pause(clock, settledMs);
    await count();
    stopCalling();
    const { failovers } = channels.metrics();
    await channels.close();
    crowd.stop();
    const offline = collector.events.filter(({ online }) => !online).length;
    await collector.close();
    await Promise.all(gateways.map((gateway) => gateway.kill()));
    await Promise.all(nodes.slice(2).map((node) => node.kill()));
    await Promise.all([redis.stop(), kafka.stop()]);

    const none = { atMost: 0 };
    bench.report({ name: "dots that turned grey", unit: "dots", samples: [counts.grey], target: none });
    bench.report({ name: "UserOffline in Kafka", unit: "events", samples: [offline], target: none });
    bench.report({
      name: `calls that failed, of ${calls.toLocaleString("en")}`,
      unit: "calls",
      samples: [failures.length],
      target: none,
    });
    bench.report({ name: "calls that the SDK repeated on another node", unit: "calls", samples: [failovers] });
    bench.report({ name: "sockets that were refused", unit: "sockets", samples: [counts.refused] });
    bench.report({ name: "a client without a socket, p99", unit: "ms", samples: [percentile(counts.awayMs, 0.99)] });
    bench.report({ name: "the same, worst", unit: "ms", samples: [percentile(counts.awayMs, 1)] });
  },
};

function conversationsOf(userIds: readonly string[]): string {
  const conversations = Array.from({ length: userIds.length / usersOfConversation }, (_, index) => ({
    conversation_id: `conversation-${index}`,
    participants: userIds.slice(index * usersOfConversation, (index + 1) * usersOfConversation),
  }));
  return audienceFile(conversations);
}
