import { startRedis, startRedisCluster, startSentinels, type TestRedisCluster } from "@realchat/presence-testing";
import { createClient, createCluster } from "@redis/client";
import type { RedisPlace } from "../redis-place.ts";
import type { Reply } from "../replies.ts";

/** A Redis that belongs to one test, of one of the kinds that services know. */
export interface RedisSite {
  /** As stores and directories take it. */
  readonly place: RedisPlace;
  /** As services take it: settings. */
  readonly env: Readonly<Record<string, string>>;
  /** Sends a command to the server that takes writes of the key. */
  send(key: string, ...command: string[]): Promise<Reply>;
  /** Sends a command to every server that takes writes. */
  sendToAll(...command: string[]): Promise<Reply[]>;
  stop(): Promise<void>;
}

interface RedisKind {
  /** In the names of tests: "the store on …". */
  readonly name: string;
  start(): Promise<RedisSite>;
}

async function startOneServer(): Promise<RedisSite> {
  const redis = await startRedis();
  const client = createClient({ url: redis.url, RESP: 2 });
  await client.connect();
  const send = (command: readonly string[]) => client.sendCommand<Reply>(command);
  return {
    place: { url: redis.url },
    env: { REDIS_URL: redis.url },
    send: (_key, ...command) => send(command),
    sendToAll: (...command) => Promise.all([send(command)]),
    async stop() {
      client.destroy();
      await redis.stop();
    },
  };
}

/** A Cluster whose servers the test looks after. */
export async function siteOn(cluster: TestRedisCluster): Promise<RedisSite> {
  const client = createCluster({ rootNodes: [{ url: cluster.url }], RESP: 2 });
  await client.connect();
  return {
    place: { url: cluster.url, cluster: true },
    env: { REDIS_URL: cluster.url, REDIS_CLUSTER: "true" },
    send: (key, ...command) => client.sendCommand<Reply>(key, false, command),
    sendToAll: (...command) =>
      Promise.all(client.masters.map(async (master) => (await client.nodeClient(master)).sendCommand<Reply>(command))),
    async stop() {
      client.destroy();
      await cluster.stop();
    },
  };
}

async function startBehindSentinels(): Promise<RedisSite> {
  const watched = await startSentinels();
  const { masterName, sentinels, servers } = watched;
  const addresses = sentinels.map(({ host, port }) => ({ host, port }));
  const clients = new Map(servers.map(({ url, port }) => [port, createClient({ url, RESP: 2 })]));
  await Promise.all([...clients.values()].map((client) => client.on("error", () => {}).connect()));
  let master = await watched.master();
  const send = async (command: readonly string[]) => {
    const ask = () => (clients.get(master.port) as ReturnType<typeof createClient>).sendCommand<Reply>(command);
    try {
      return await ask();
    } catch (error) {
      const present = await watched.master();
      if (present === master) throw error;
      master = present;
      return ask();
    }
  };
  return {
    place: { url: `redis://${masterName}`, sentinel: { master: masterName, addresses } },
    env: {
      REDIS_SENTINELS: addresses.map(({ host, port }) => `${host}:${port}`).join(","),
      REDIS_SENTINEL_MASTER: masterName,
    },
    send: (_key, ...command) => send(command),
    sendToAll: (...command) => Promise.all([send(command)]),
    async stop() {
      for (const client of clients.values()) client.destroy();
      await watched.stop();
    },
  };
}

/** Every kind of Redis that presence and the audience's directory must work on. */
export const redisKinds: readonly RedisKind[] = [
  { name: "one server", start: startOneServer },
  { name: "a master behind Sentinels", start: startBehindSentinels },
  { name: "a Cluster", start: async () => siteOn(await startRedisCluster()) },
];
