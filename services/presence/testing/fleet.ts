import { systemClock } from "@realchat/presence-runtime/clock";
import {
  heldUp,
  type PresenceOptions,
  type RedisOptions,
  sharedKafka,
  startPresence,
  startRedis,
  type TestPresence,
  type TestRedis,
} from "@realchat/presence-testing";
import { EventCollector } from "./event-collector.ts";
import { Gateway } from "./gateway.ts";
import { connectPresence, type PresenceClient } from "./presence-client.ts";

interface FleetOptions {
  /** Nodes to begin with. */
  readonly nodes: number;
  readonly ttlMs: number;
  readonly env?: PresenceOptions["env"];
  /** Default: the test run's shared Kafka, which must not be harmed. */
  readonly kafka?: { readonly brokers: string };
  readonly redis?: RedisOptions;
}

/** Gateways use short deadlines and try another node; tests wait for the answer, on a busy machine too. */
type NodeClients = Readonly<Record<"patient" | "impatient", PresenceClient>>;

/** Presence as it is deployed: nodes that come and go, one Redis, a topic in Kafka. All of it may be harmed. */
export class Fleet {
  readonly redis: TestRedis;
  readonly ttlMs: number;
  readonly #brokers: string;
  readonly #topic: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #nodes = new Map<TestPresence, NodeClients>();
  readonly #dead = new Set<TestPresence>();
  readonly #gateways: Gateway[] = [];
  readonly #collectors: EventCollector[] = [];

  private constructor(redis: TestRedis, brokers: string, options: FleetOptions) {
    this.redis = redis;
    this.ttlMs = options.ttlMs;
    this.#brokers = brokers;
    this.#topic = `presence.events.${Math.floor(systemClock.random() * 2 ** 48).toString(36)}`;
    this.#env = {
      REDIS_URL: redis.url,
      KAFKA_BROKERS: brokers,
      KAFKA_TOPIC: this.#topic,
      KAFKA_PARTITIONS: "4",
      SESSION_TTL: `${options.ttlMs}ms`,
      ...options.env,
    };
  }

  static async start(options: FleetOptions): Promise<Fleet> {
    const [redis, { brokers }] = await Promise.all([startRedis(options.redis), options.kafka ?? sharedKafka()]);
    const fleet = new Fleet(redis, brokers, options);
    await Promise.all(Array.from({ length: options.nodes }, () => fleet.addNode()));
    return fleet;
  }

  /** @param env what differs from the other nodes' settings */
  async addNode(env?: PresenceOptions["env"]): Promise<TestPresence> {
    const node = await startPresence({ env: { ...this.#env, ...env } });
    const impatient = connectPresence(node.grpcAddress, 1_000);
    this.#nodes.set(node, { patient: connectPresence(node.grpcAddress), impatient });
    for (const dead of this.#dead) this.announceShutdown(dead);
    return node;
  }

  /** A crash. Gateways go on calling it until the next node is added. */
  async kill(node: TestPresence): Promise<void> {
    await node.kill();
    this.#dead.add(node);
  }

  /** Gateways stop calling it. */
  announceShutdown(node: TestPresence): void {
    this.#closeClients(node);
    this.#nodes.delete(node);
    this.#dead.delete(node);
  }

  /** Nodes that run. */
  get nodes(): TestPresence[] {
    return [...this.#nodes.keys()].filter((node) => !this.#dead.has(node));
  }

  /** What a promise about time may take more on a busy machine, from now on, ms: see heldUp. */
  heldUp(): () => number {
    return heldUp(() => [this.redis, ...this.nodes].map(({ pid }) => pid));
  }

  /** Nodes that gateways call. */
  get clients(): PresenceClient[] {
    return [...this.#nodes.values()].map(({ patient }) => patient);
  }

  /** As a gateway calls this node: with a short deadline. */
  impatientClient(node: TestPresence): PresenceClient {
    const clients = this.#nodes.get(node);
    if (clients === undefined) throw new Error("this node runs no more");
    return clients.impatient;
  }

  /** A gateway that calls any of the nodes. */
  openGateway(beatMs: number): Gateway {
    const gateway = new Gateway(() => [...this.#nodes.values()].map(({ impatient }) => impatient), beatMs);
    this.#gateways.push(gateway);
    return gateway;
  }

  /** A consumer of the topic, from its beginning. @param onRecord hears of all, in the order of arrival */
  async collect(onRecord?: (partition: number, value: Uint8Array) => void): Promise<EventCollector> {
    const collector = await EventCollector.start(this.#brokers, this.#topic, onRecord);
    this.#collectors.push(collector);
    return collector;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#gateways.map((gateway) => gateway.crash()));
    await Promise.all(this.#collectors.map((collector) => collector.close()));
    for (const node of this.#nodes.keys()) this.#closeClients(node);
    await Promise.all(this.nodes.map((node) => node.kill()));
    await this.redis.stop();
  }

  #closeClients(node: TestPresence): void {
    for (const client of Object.values(this.#nodes.get(node) ?? {})) client.close();
  }
}

/** The value of one metric of a node. */
export async function metricOf({ httpAddress }: { readonly httpAddress: string }, name: string): Promise<number> {
  const text = await (await fetch(`http://${httpAddress}/metrics`)).text();
  const value = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "m").exec(text)?.[1];
  if (value === undefined) throw new Error(`/metrics has no ${name}`);
  return Number(value);
}
