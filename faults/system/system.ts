import { freePort, startKafka, type TestKafka } from "@realchat/presence-testing";
import { connectPresence, type PresenceClient } from "../../services/presence/testing/presence-client.ts";
import type { Timing } from "../history/history.ts";
import { Link } from "../network/link.ts";
import { startMaxMs, stopWithin } from "../patience.ts";
import type { Random } from "../random/random.ts";
import { FalseClock } from "../time/false-clock.ts";
import { DeliverySlot } from "./delivery-slot.ts";
import { NodeSlot } from "./node-slot.ts";
import type { RedisKind, RedisPlace } from "./redis-place.ts";
import { startRedisPlace } from "./start-redis-place.ts";

interface SystemOptions {
  readonly redis: RedisKind;
  readonly nodes: number;
  readonly gateways: readonly string[];
  readonly timing: Timing;
  readonly random: Random;
  readonly users: readonly string[];
  /** Who may see all of them. */
  readonly observer: string;
  /** See findFaketime; undefined: clocks cannot be stepped. */
  readonly faketime: string | undefined;
}

/** Of a call; gateways of the contract would wait a little longer, and their sessions live longer, too. */
const callMaxMs = 1_500;
const topic = "presence.events.v1";
const partitions = 4;

/** Real nodes, Redis and Kafka, with links between all of them that can be harmed. */
export class System {
  readonly redis: RedisPlace;
  readonly kafka: TestKafka;
  readonly nodes: readonly NodeSlot[];
  /** By name of the gateway, one client for each node. */
  readonly gatewayClients: ReadonlyMap<string, readonly PresenceClient[]>;
  /** By name of the gateway, one link to each node. */
  readonly gatewayLinks: ReadonlyMap<string, readonly Link[]>;
  /** One for each node, over links that nothing harms. */
  readonly readerClients: readonly PresenceClient[];
  /** A gateway with pages. */
  readonly delivery: DeliverySlot;
  readonly #parts: AsyncDisposableStack;

  private constructor(
    started: Pick<System, "redis" | "kafka" | "nodes" | "gatewayLinks" | "delivery"> & { readerLinks: Link[] },
    parts: AsyncDisposableStack,
  ) {
    const { redis, kafka, nodes, gatewayLinks, delivery, readerLinks } = started;
    this.delivery = delivery;
    this.redis = redis;
    this.kafka = kafka;
    this.nodes = nodes;
    this.gatewayLinks = gatewayLinks;
    const connect = (link: Link) => connectPresence(link.address, callMaxMs);
    this.readerClients = readerLinks.map(connect);
    this.gatewayClients = new Map([...gatewayLinks].map(([name, links]) => [name, links.map(connect)]));
    this.#parts = parts;
  }

  static async start(options: SystemOptions): Promise<System> {
    const indexes = Array.from({ length: options.nodes }, (_, index) => index);
    const random = options.random;
    // A part that does not start must not leave the others behind: this process would never end.
    await using parts = new AsyncDisposableStack();
    const kafkaPorts = await Promise.all(indexes.map(() => freePort()));
    const proxied = Object.fromEntries(kafkaPorts.map((port, index) => [listenerOf(index), port]));
    const { faketime } = options;
    const newClock = () => (faketime === undefined ? undefined : new FalseClock(faketime));
    const kept = async <Part extends { stop(): Promise<void> }>(name: string, starting: Promise<Part>) => {
      const part = await starting;
      parts.defer(() => stopWithin(name, part.stop()));
      return part;
    };
    const [redis, kafka] = await allOf(
      kept("redis", startRedisPlace(options.redis, newClock())),
      kept("kafka", startKafka({ proxied, deadlineMs: startMaxMs })),
    );
    const openLink = async (target: Link["target"], port?: number) => {
      const link = await Link.open(port ?? (await freePort()), target, random.fork());
      parts.defer(() => stopWithin(`the link at ${link.address}`, link.close()));
      return link;
    };
    const openLinks = () => Promise.all(indexes.map(() => openLink({ host: "127.0.0.1", port: 9 })));

    const readerLinks = await openLinks();
    const delivery = await DeliverySlot.open({ links: await openLinks(), ...options });
    const gatewayLinks = new Map<string, readonly Link[]>();
    for (const name of options.gateways) gatewayLinks.set(name, await openLinks());
    const nodes = await Promise.all(
      indexes.map(async (index) => {
        const redisLink = await openLink(redis.target);
        const kafkaLink = await openLink(targetOf(kafka.listeners[listenerOf(index)]), kafkaPorts[index]);
        const callerLinks = [readerLinks, delivery.links, ...gatewayLinks.values()].map(
          (links) => links[index] as Link,
        );
        const env = { ...settingsOf(options.timing, kafkaLink), ...redis.settings(redisLink) };
        return new NodeSlot({ index, redisLink, kafkaLink, callerLinks, clock: newClock(), env });
      }),
    );
    for (const node of nodes) parts.defer(() => stopWithin(node.name, node.kill()));
    await Promise.all(nodes.map((node) => node.start("ready")));
    parts.defer(() => stopWithin("delivery", delivery.kill()));
    await delivery.start();
    return new System({ redis, kafka, nodes, gatewayLinks, delivery, readerLinks }, parts.move());
  }

  /** What consumers of the events need: the broker's own listener, which nothing harms but what harms the broker. */
  get topic(): { brokers: string; topic: string; partitions: number } {
    return { brokers: this.kafka.brokers, topic, partitions };
  }

  /** Of the processes that everything waits for. */
  get pids(): number[] {
    return [...this.nodes, this.delivery].flatMap(({ pid }) => pid ?? []).concat(this.redis.pids);
  }

  async stop(): Promise<void> {
    for (const client of [...this.readerClients, ...[...this.gatewayClients.values()].flat()]) client.close();
    await this.#parts.disposeAsync();
  }
}

/** As Promise.all, but rejects only when each is settled: what was started after that would be left behind. */
async function allOf<One, Other>(one: Promise<One>, other: Promise<Other>): Promise<[One, Other]> {
  await Promise.allSettled([one, other]);
  return [await one, await other];
}

function settingsOf({ ttlMs, heartbeatMs, graceMs, lease }: Timing, kafka: Link): Record<string, string> {
  return {
    REDIS_COMMAND_TIMEOUT: "1s",
    SHARDS: "8",
    KAFKA_BROKERS: kafka.address,
    KAFKA_TOPIC: topic,
    KAFKA_PARTITIONS: String(partitions),
    SESSION_TTL: `${ttlMs}ms`,
    HEARTBEAT_INTERVAL: `${heartbeatMs}ms`,
    OFFLINE_GRACE: `${graceMs}ms`,
    LEASE_TTL: `${lease.ttlMs}ms`,
    LEASE_HEARTBEAT_INTERVAL: `${lease.heartbeatMs}ms`,
    LEASE_VERIFY_INTERVAL: `${lease.verifyMs}ms`,
    DRAIN_TIMEOUT: "5s",
  };
}

function listenerOf(index: number): string {
  return `NODE${index}`;
}

function targetOf(address: string | undefined): { host: string; port: number } {
  const [host, port] = (address ?? "").split(":");
  return { host: host as string, port: Number(port) };
}
