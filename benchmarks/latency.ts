import { cpus } from "node:os";
import { systemClock as clock } from "@realchat/presence-runtime/clock";
import { startKafka, startPresence, startRedis, waitUntil } from "@realchat/presence-testing";
import type { Transition } from "../services/presence/domain/transition.ts";
import { KafkaPublisher } from "../services/presence/events/kafka/kafka-publisher.ts";
import { type CollectedEvent, EventCollector } from "../services/presence/testing/event-collector.ts";
import { connectPresence } from "../services/presence/testing/presence-client.ts";
import type { Bench, Benchmark } from "./benchmark.ts";
import { busyCoresDuring } from "./load/busy-cores.ts";
import { type Identity, identities } from "./load/identities.ts";
import { openLoop } from "./load/open-loop.ts";
import { percentile } from "./report/figure.ts";

/** Half of the transitions are users who come, half users who go again a second later. */
const transitionsPerSecond = 2_000;

/**
 * From a disconnect (the moment at which UnregisterSession was due to be called over gRPC) to the record in the hands
 * of a Kafka consumer, through a presence node, Redis and Kafka that are processes of their own. The baseline is the
 * way through Kafka alone: the same records at the same pace from the same publisher. This process calls and consumes.
 */
export const latency: Benchmark = {
  name: "latency",
  about: "from a disconnect to the record in the hands of a Kafka consumer",
  limitSeconds: 360,
  async run(bench) {
    const rounds = bench.quick ? 2 : 7;
    const seconds = bench.quick ? 3 : 10;
    bench.progress("starting Redis, Kafka and a presence node");
    const [redis, kafka] = await Promise.all([startRedis(), startKafka()]);
    const node = await startPresence({
      env: { REDIS_URL: redis.url, KAFKA_BROKERS: kafka.brokers, KAFKA_TOPIC: topic, LOG_LEVEL: "warn" },
    });
    const publisher = new KafkaPublisher({
      brokers: [kafka.brokers],
      topic: plainTopic,
      createTopic: { partitions: 16 },
      clientId: "plain",
      clock,
    });
    await publisher.open();
    const collector = await EventCollector.start(kafka.brokers, topic);
    const plainCollector = await EventCollector.start(kafka.brokers, plainTopic);

    const ours: Latencies[] = [];
    const theirs: Latencies[] = [];
    for (let round = 0; round <= rounds; round++) {
      const through = await measured(() => throughPresence(node.grpcAddress, collector, seconds));
      const plain = await measured(() => throughKafkaAlone(publisher, plainCollector, seconds));
      if (round === 0) continue;
      ours.push(through);
      theirs.push(plain);
      const { p50, p99, busyCores } = through;
      bench.progress(
        `round ${round} of ${rounds}: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, ${busyCores.toFixed(1)} cores busy`,
      );
    }
    report(bench, "p50", 6, ours, theirs);
    report(bench, "p99", 40, ours, theirs);
    bench.report({
      name: `cores busy meanwhile, with whatever it was, of ${cpus().length}`,
      unit: "",
      samples: ours.map(({ busyCores }) => busyCores),
      baseline: { name: "Kafka alone", samples: theirs.map(({ busyCores }) => busyCores) },
    });
    await Promise.all([collector.close(), plainCollector.close(), publisher.close(1_000)]);
    await node.stop();
    await Promise.all([redis.stop(), kafka.stop()]);
  },
};

const topic = "presence.events.v1";
const plainTopic = "plain";

interface Latencies {
  readonly p50: number;
  readonly p99: number;
  readonly busyCores: number;
}

async function measured(run: () => Promise<number[]>): Promise<Latencies> {
  let ms: number[] = [];
  const busyCores = await busyCoresDuring(async () => {
    ms = await run();
  });
  return { p50: percentile(ms, 0.5), p99: percentile(ms, 0.99), busyCores };
}

function report(
  bench: Bench,
  which: "p50" | "p99",
  atMost: number,
  ours: readonly Latencies[],
  theirs: readonly Latencies[],
): void {
  bench.report({
    name: `disconnect → Kafka consumer, ${which} at ${transitionsPerSecond.toLocaleString("en")} transitions/s`,
    unit: "ms",
    samples: ours.map((latencies) => latencies[which]),
    baseline: { name: "Kafka alone", samples: theirs.map((latencies) => latencies[which]) },
    target: { atMost },
  });
}

/** @returns ms from when each disconnect was due to when its event was here */
async function throughPresence(address: string, collector: EventCollector, seconds: number): Promise<number[]> {
  const client = connectPresence(address);
  const pairs = (transitionsPerSecond / 2) * seconds;
  const people = identities(pairs);
  const sessionIds: Promise<string>[] = [];
  const dueMs = new Map<string, number>();
  const ends: Promise<unknown>[] = [];
  /** How many have come before the first one goes: a second's worth. */
  const head = transitionsPerSecond / 2;
  const come = (index: number) => {
    const session = client.api.registerSession(people[index] as Identity).then(({ sessionId }) => sessionId);
    session.catch(() => {});
    sessionIds[index] = session;
  };
  const go = async (index: number, due: number) => {
    const { userId, deviceId } = people[index] as Identity;
    dueMs.set(userId, due);
    const sessionId = await (sessionIds[index] as Promise<string>);
    await client.api.unregisterSession({ userId, deviceId, sessionId });
  };
  const before = collector.events.length;
  await openLoop({ perSecond: transitionsPerSecond, count: 2 * pairs + head }, (step, due) => {
    const index = step < head ? step : head + Math.floor((step - head) / 2);
    const isComing = step < head || (step - head) % 2 === 0;
    if (isComing && index < pairs) come(index);
    else if (!isComing && index - head < pairs) ends.push(go(index - head, due));
  });
  await Promise.all(ends);
  const latencies = await collect(collector, before, pairs, dueMs);
  client.close();
  return latencies;
}

/** @returns ms from when each record was due to be produced to when it was here */
async function throughKafkaAlone(
  publisher: KafkaPublisher,
  collector: EventCollector,
  seconds: number,
): Promise<number[]> {
  const count = transitionsPerSecond * seconds;
  const people = identities(count);
  const dueMs = new Map<string, number>();
  let waiting: Transition[] = [];
  let sending: Promise<void> | undefined;
  const send = async () => {
    for (let batch = waiting; batch.length > 0; batch = waiting) {
      waiting = [];
      await publisher.publish(batch);
    }
    sending = undefined;
  };
  const before = collector.events.length;
  await openLoop({ perSecond: transitionsPerSecond, count }, (index, due) => {
    const { userId, deviceId } = people[index] as Identity;
    dueMs.set(userId, due);
    const details = { cause: "DISCONNECTED", instanceId: "gateway-1", shard: 0 } as const;
    const version = clock.nowUs();
    const lastSeenMs = Math.floor(version / 1000);
    waiting.push({ userId, online: false, version, deviceId, lastSeenMs, ...details });
    sending ??= send();
  });
  await sending;
  return collect(collector, before, count, dueMs);
}

async function collect(
  collector: EventCollector,
  before: number,
  count: number,
  dueMs: ReadonlyMap<string, number>,
): Promise<number[]> {
  const goings = () => collector.events.slice(before).filter(({ online }) => !online);
  await waitUntil(() => goings().length >= count, { what: `${count} users have gone`, deadlineMs: 20_000 });
  const latencies = goings().map(({ userId, arrivedMs }: CollectedEvent) => arrivedMs - (dueMs.get(userId) as number));
  collector.events.length = 0;
  return latencies;
}
