import type { SessionRef } from "../services/presence/domain/session.ts";
import type { Bench, Benchmark } from "./benchmark.ts";
import { closedLoopOf } from "./load/closed-loop.ts";
import { identities, type Naming } from "./load/identities.ts";
import { KeyPerSession } from "./redis/key-per-session.ts";
import { type MeasuredRedis, startMeasuredRedis } from "./redis/measured-redis.ts";
import { openPresence, registerAll } from "./redis/presence-on-redis.ts";

/** The log is no part of a session's memory: it is cut to a few entries here, as it is behind its publishers. */
const logMaxEntries = 16;

export const redisMemory: Benchmark = {
  name: "redis-memory",
  about: "what a session, and an offline user's last seen, take of Redis' memory",
  limitSeconds: 240,
  async run(bench) {
    await measure(bench, "UUID ids", { withConnection: false });
    await measure(bench, "UUID ids and connection_id", {});
    await measure(bench, "UUID ids, connection_id, a pod's name", { instanceId: "delivery-7d9f8b6c5d-x2x4z" });
    await measure(bench, "short ids", { ids: "short", withConnection: false });
    await measure(bench, "short ids and connection_id", { ids: "short" });
  },
};

async function measure(bench: Bench, what: string, naming: Naming): Promise<void> {
  // Any number that fills the hash tables of both sides alike: their sizes are powers of two.
  const count = bench.quick ? 12_500 : 100_000;
  const people = identities(count, naming);
  const redis = await startMeasuredRedis();
  const { store, close } = await openPresence(redis, { logMaxEntries });
  const emptyBytes = await redis.dataBytes();
  const sessions = await registerAll(store, people);
  const sessionBytes = ((await redis.dataBytes()) - emptyBytes) / count;
  bench.progress(`${what}, presence:\n${await describeKeys(redis)}`);
  await closedLoopOf({ count, inFlight: 256 }, (index) =>
    store.unregister({ ...(sessions[index] as SessionRef), reason: "LOGGED_OUT" }),
  );
  const offlineBytes = ((await redis.dataBytes()) - emptyBytes) / count;
  await close();
  await redis.stop();

  const plainRedis = await startMeasuredRedis();
  const plain = new KeyPerSession(plainRedis.client);
  const plainEmptyBytes = await plainRedis.dataBytes();
  await plain.load(people);
  const plainBytes = ((await plainRedis.dataBytes()) - plainEmptyBytes) / count;
  bench.progress(`${what}, key per session:\n${await describeKeys(plainRedis)}`);
  await plainRedis.stop();

  bench.report({
    name: `used_memory a session, ${what}`,
    unit: "B",
    samples: [sessionBytes],
    baseline: { name: "key per session", samples: [plainBytes] },
    target: { ratioAtMost: 0.8 },
  });
  bench.report({
    name: `used_memory of who has gone, ${what}`,
    unit: "B",
    samples: [offlineBytes],
    baseline: { name: "key per session, while online", samples: [plainBytes] },
  });
}

/** One key of each kind that is there: its type, how Redis encodes it, what it takes, and some of what it holds. */
async function describeKeys({ client }: MeasuredRedis): Promise<string> {
  const examples = new Map<string, string>();
  for await (const keys of client.scanIterator({ COUNT: 1_000 })) {
    for (const key of keys) examples.set(kindOf(key), key);
  }
  const lines = [...examples.values()].map(async (key) => {
    const type = await client.type(key);
    const encoding = await client.sendCommand<string>(["OBJECT", "ENCODING", key]);
    const bytes = await client.memoryUsage(key);
    return `        ${key}: ${type}, ${encoding}, ${bytes} B: ${JSON.stringify(await firstOf(client, key, type))}`;
  });
  return (await Promise.all(lines)).join("\n");
}

/** `presence:u` of `presence:{07}:u:somebody`. */
function kindOf(key: string): string {
  return key
    .replace(/\{\d+\}:/, "")
    .split(":", 2)
    .join(":");
}

function firstOf(client: MeasuredRedis["client"], key: string, type: string): Promise<unknown> {
  switch (type) {
    case "hash":
      return client.hGetAll(key);
    case "set":
      return client.sMembers(key);
    case "zset":
      return client.zRangeWithScores(key, 0, 0);
    case "stream":
      return client.xRange(key, "-", "+", { COUNT: 1 });
    default:
      return client.get(key);
  }
}
