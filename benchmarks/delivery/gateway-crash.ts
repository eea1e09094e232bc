import { systemClock as clock, pause } from "@realchat/presence-runtime/clock";
import { startDelivery, startKafka, startPresence, startRedis, waitUntil } from "@realchat/presence-testing";
import { EventCollector } from "../../services/presence/testing/event-collector.ts";
import type { Benchmark } from "../benchmark.ts";
import { spreadOf } from "../report/figure.ts";
import { Crowd, socketUrl } from "./crowd/crowd.ts";
import { gatewaySettings } from "./embedded-gateway.ts";

const ttlMs = 10_000;
/** Well before the first session that a killed gateway no longer kept alive can be over. */
const returnsPerSecond = 1_000;

/**
 * A gateway is killed. Half of its clients connect to another one at once and must never be told to be offline; of the
 * others, Kafka's consumers are to hear within TTL and a second of the kill.
 */
export const gatewayCrash: Benchmark = {
  name: "gateway-crash",
  about: "from the SIGKILL of a gateway to all of its users who stay away offline in Kafka",
  limitSeconds: 180,
  async run(bench) {
    const sockets = bench.quick ? 1_000 : 5_000;
    bench.progress("starting Redis, Kafka, a presence node and two gateways");
    const [redis, kafka] = await Promise.all([startRedis(), startKafka()]);
    const servers = { REDIS_URL: redis.url, KAFKA_BROKERS: kafka.brokers };
    const node = await startPresence({ env: { ...servers, SESSION_TTL: `${ttlMs}ms`, LOG_LEVEL: "warn" } });
    const env = { ...gatewaySettings, ...servers, PRESENCE_SVC_ADDR: node.grpcAddress };
    const [killed, other] = await Promise.all([startDelivery({ env }), startDelivery({ env })]);
    const collector = await EventCollector.start(kafka.brokers, "presence.events.v1");
    const userIds = Array.from({ length: sockets }, (_, index) => `user-${index}`);
    const returning = userIds.slice(0, sockets / 2);
    const away = new Set(userIds.slice(sockets / 2));

    const clients = new Crowd();
    await clients.open(
      userIds.map((userId) => socketUrl(killed.socketAddress, userId)),
      500,
    );
    const goings = () => collector.events.filter(({ online }) => !online);
    const comings = () => collector.events.filter(({ online }) => online);
    await waitUntil(() => comings().length >= sockets, { what: "all are online", deadlineMs: 60_000 });
    // Once round, so that heartbeats are spread as they always are.
    await pause(clock, ttlMs);

    bench.progress(`${sockets.toLocaleString("en")} sockets lose their gateway`);
    const killedMs = clock.monotonicMs();
    await killed.kill();
    const back = new Crowd();
    await back.open(
      returning.map((userId) => socketUrl(other.socketAddress, userId)),
      returnsPerSecond,
    );
    const gone = () => goings().filter(({ userId }) => away.has(userId));
    await waitUntil(() => gone().length >= away.size, { what: "all who stay away are offline", deadlineMs: 60_000 });
    // Whoever were shown offline by mistake would be so by then.
    await pause(clock, 2_000);
    const lateMs = gone().map(({ arrivedMs }) => arrivedMs - killedMs - ttlMs);
    clients.stop();
    back.stop();
    await collector.close();
    await other.stop();
    await node.stop();
    await Promise.all([redis.stop(), kafka.stop()]);
    const count = away.size.toLocaleString("en");
    bench.report({
      name: `SIGKILL + TTL → the last of ${count} offline in Kafka`,
      unit: "ms",
      samples: [spreadOf(lateMs).max],
      target: { atMost: 1_000 },
    });
    bench.report({
      name: "offline in the busiest 100 ms, of all",
      unit: "%",
      samples: [(100 * busiest(lateMs, 100)) / lateMs.length],
    });
    bench.report({
      name: "told to be offline though they were back in time",
      unit: "users",
      samples: [goings().length - gone().length],
      target: { atMost: 0 },
    });
  },
};

/** Most of the moments that lie within so many ms. */
function busiest(momentsMs: readonly number[], withinMs: number): number {
  const counts = new Map<number, number>();
  for (const moment of momentsMs) {
    const window = Math.floor(moment / withinMs);
    counts.set(window, (counts.get(window) ?? 0) + 1);
  }
  return Math.max(...counts.values());
}
