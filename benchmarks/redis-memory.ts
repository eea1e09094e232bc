import type { Bench, Benchmark } from "./benchmark.ts";
import { closedLoopOf } from "./load/closed-loop.ts";
import { type IdKind, identities } from "./load/identities.ts";
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
    for (const kind of ["UUID", "short"] as const) await measure(bench, kind);
  },
};

async function measure(bench: Bench, kind: IdKind): Promise<void> {
  // Any number that fills the hash tables of both sides alike: their sizes are powers of two.
  const count = bench.quick ? 12_500 : 100_000;
  const people = identities(count, kind);
  const redis = await startMeasuredRedis();
  const { store, close } = await openPresence(redis.url, { logMaxEntries });
  const emptyBytes = await redis.usedMemoryBytes();
  const sessions = await registerAll(store, people);
  const sessionBytes = ((await redis.usedMemoryBytes()) - emptyBytes) / count;
  bench.progress(`${kind} ids, presence:\n${await describeKeys(redis)}`);

  await closedLoopOf({ count, inFlight: 256 }, (index) =>
    store.unregister({ ...(sessions[index] as (typeof sessions)[0]), reason: "LOGGED_OUT" }),
  );
  const offlineBytes = ((await redis.usedMemoryBytes()) - emptyBytes) / count;
  await close();
  await redis.stop();

  const plainRedis = await startMeasuredRedis();
  const plain = new KeyPerSession(plainRedis.client);
  const plainEmptyBytes = await plainRedis.usedMemoryBytes();
  await plain.load(people);
  const plainBytes = ((await plainRedis.usedMemoryBytes()) - plainEmptyBytes) / count;
  bench.progress(`${kind} ids, key per session:\n${await describeKeys(plainRedis)}`);
  await plainRedis.stop();

  bench.report({
    name: `used_memory a session, ${kind} ids`,
    unit: "B",
    samples: [sessionBytes],
    baseline: { name: "key per session", samples: [plainBytes] },
    target: { ratioAtMost: 0.8 },
  });
  bench.report({
    name: `used_memory of an offline user's record, ${kind} ids`,
    unit: "B",
    samples: [offlineBytes],
    baseline: { name: "key per session, online", samples: [plainBytes] },
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
