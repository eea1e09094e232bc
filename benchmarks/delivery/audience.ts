import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { systemClock as clock } from "@realchat/presence-runtime/clock";
import type { AudienceChange, AudienceDirectory } from "../../services/delivery/audience/directory.ts";
import { MemoryDirectory } from "../../services/delivery/audience/memory/memory-directory.ts";
import { RedisDirectory } from "../../services/delivery/audience/redis/redis-directory.ts";
import type { Bench, Benchmark } from "../benchmark.ts";
import { closedLoopOf } from "../load/closed-loop.ts";
import { costOf } from "../redis/cpu-of.ts";
import { type MeasuredRedis, startMeasuredRedis } from "../redis/measured-redis.ts";

export const audience: Benchmark = {
  name: "audience",
  about: "what it takes to know who may see whom: memory a relation, a look of a user in 50 conversations of 100",
  limitSeconds: 300,
  async run(bench) {
    await measureMemory(bench);
    await measureRedis(bench);
  },
};

const roomSize = 100;
const roomsOfUser = 50;
/** Of a look: the interest set of a socket, and more than there are. */
const limits = [2_000, 10_000];
const cityId = "city";
const citySize = 10_000;

/** UUIDs that come again in every run. */
const uuid = (kind: number, index: number) =>
  `0198c0de-${String(kind).padStart(4, "0")}-7000-8000-${String(index).padStart(12, "0")}`;
const userId = (index: number) => uuid(1, index);

/** 50 times all users are dealt out anew over rooms of 100. @param users a multiple of 100 without other factors than 2, 5 */
function* rooms(users: number): Generator<{ id: string; members: string[] }> {
  const ofDeal = users / roomSize;
  for (let room = 0; room < ofDeal * roomsOfUser; room++) {
    // Ends with 7, so that it has no factor in common with the number of users.
    const stride = 370 * Math.floor(room / ofDeal) + 7;
    const seatOf = (seat: number) => ((room % ofDeal) * roomSize + seat) * stride;
    yield { id: uuid(2, room), members: Array.from({ length: roomSize }, (_, seat) => userId(seatOf(seat) % users)) };
  }
}

const nowUs = 1_790_000_000_000_000;

const city: AudienceChange = {
  kind: "conversation",
  at: nowUs,
  conversationId: cityId,
  participants: Array.from({ length: citySize }, (_, index) => uuid(3, index)),
};

async function load(directory: AudienceDirectory, users: number): Promise<void> {
  for (const { id, members } of rooms(users)) {
    await directory.apply({
      changes: [{ kind: "conversation", at: nowUs, conversationId: id, participants: members }],
    });
  }
}

async function measureMemory(bench: Bench): Promise<void> {
  const users = bench.quick ? 2_000 : 20_000;
  const directory = new MemoryDirectory({}, clock);
  const emptyBytes = heapBytes();
  const startMs = clock.monotonicMs();
  await load(directory, users);
  const loadMs = clock.monotonicMs() - startMs;
  const { relations } = directory.metrics();
  bench.report({ name: "memory: heap a relation", unit: "B", samples: [(heapBytes() - emptyBytes) / relations] });
  bench.report({ name: "memory: relations applied", unit: "/s", samples: [relations / (loadMs / 1_000)] });
  await directory.apply({ changes: [city] });
  for (const limit of limits) {
    await measureWall(bench, `memory: visibleTo, 50 × 100, limit ${limit}`, 200, (index) =>
      directory.visibleTo(userId(index), limit),
    );
  }
  await measureWall(bench, "memory: visibleTo, 10,000 in one, limit 2000", 200, (index) =>
    directory.visibleTo(uuid(3, index), 2_000),
  );
  const asked = Array.from({ length: 100 }, (_, index) => userId(index * 3));
  await measureWall(bench, "memory: maySee of 100", 1_000, (index) => directory.maySee(userId(index), asked));
  await measureWall(bench, "memory: one joins 10,000, with whom it affects", 50, (index) => join(directory, index));
}

async function measureRedis(bench: Bench): Promise<void> {
  const users = bench.quick ? 1_000 : 10_000;
  const plain = await startMeasuredRedis();
  const plainEmptyBytes = await plain.dataBytes();
  await loadSets(plain, users);
  const redis = await startMeasuredRedis();
  const directory = new RedisDirectory({ url: redis.url }, clock);
  await directory.open();
  const emptyBytes = await redis.dataBytes();
  const loading = await costOf(redis, users * roomsOfUser, () => load(directory, users));
  const { relations } = directory.metrics();
  bench.report({
    name: "Redis: used_memory a relation",
    unit: "B",
    samples: [((await redis.dataBytes()) - emptyBytes) / relations],
    baseline: {
      name: "sets without history",
      samples: [((await plain.dataBytes()) - plainEmptyBytes) / relations],
    },
  });
  bench.report({ name: "Redis: CPU a relation applied", unit: "µs", samples: [loading.redisUs] });
  await directory.apply({ changes: [city] });
  const sets = await measureCost(plain, 200, (index) => unionOfSets(plain, userId(index)));
  for (const limit of limits) {
    const look = await measureCost(redis, 200, (index) => directory.visibleTo(userId(index), limit));
    bench.report({
      name: `Redis: CPU of visibleTo, 50 × 100, limit ${limit}`,
      unit: "µs",
      samples: [look.redisUs],
      baseline: { name: "SMEMBERS, then SUNION, no blocks", samples: [sets.redisUs] },
    });
    bench.report({ name: `Redis: time of it, limit ${limit}`, unit: "µs", samples: [look.wallUs] });
  }
  const cityLook = await measureCost(redis, 200, (index) => directory.visibleTo(uuid(3, index), 2_000));
  bench.report({
    name: "Redis: CPU of visibleTo, 10,000 in one, limit 2000",
    unit: "µs",
    samples: [cityLook.redisUs],
  });
  const asked = Array.from({ length: 100 }, (_, index) => userId(index * 3));
  const may = await measureCost(redis, 500, (index) => directory.maySee(userId(index), asked));
  bench.report({ name: "Redis: CPU of maySee of 100", unit: "µs", samples: [may.redisUs] });
  const joins = await measureCost(redis, 50, (index) => join(directory, index));
  bench.report({
    name: "Redis: CPU of one who joins 10,000, with whom it affects",
    unit: "µs",
    samples: [joins.redisUs],
  });
  await directory.close();
  await Promise.all([redis.stop(), plain.stop()]);
}

function join(directory: AudienceDirectory, index: number): Promise<unknown> {
  const change: AudienceChange = { kind: "joined", at: nowUs + 1, conversationId: cityId, userId: uuid(4, index) };
  return directory.apply({ changes: [change] });
}

async function measureWall(bench: Bench, name: string, count: number, run: (index: number) => Promise<unknown>) {
  for (let index = 0; index < count; index++) await run(index);
  const startMs = clock.monotonicMs();
  for (let index = 0; index < count; index++) await run(index);
  bench.report({ name, unit: "µs", samples: [((clock.monotonicMs() - startMs) * 1_000) / count] });
}

function measureCost(redis: MeasuredRedis, count: number, run: (index: number) => Promise<unknown>) {
  return costOf(redis, count, () => closedLoopOf({ count, inFlight: 1 }, run).then(() => {}));
}

/** The baseline: the members of each conversation, and the conversations of each user, as sets. */
async function loadSets({ client }: MeasuredRedis, users: number): Promise<void> {
  for (const { id, members } of rooms(users)) {
    await Promise.all([
      client.sAdd(`members:${id}`, members),
      ...members.map((member) => client.sAdd(`conversations:${member}`, id)),
    ]);
  }
}

async function unionOfSets({ client }: MeasuredRedis, user: string): Promise<readonly string[]> {
  const conversations = await client.sMembers(`conversations:${user}`);
  return client.sUnion(conversations.map((id) => `members:${id}`));
}

/** Live heap of this process. */
function heapBytes(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  return process.memoryUsage().heapUsed;
}
