import { randomUUID } from "node:crypto";
import { startPresence, type TestPresence } from "@realchat/presence-testing";
import type { Bench, Benchmark } from "./benchmark.ts";
import { connectPresence, type Heartbeat, nodeCpuUs } from "./grpc/heartbeats.ts";
import { closedLoopOf } from "./load/closed-loop.ts";
import { type Identity, identities } from "./load/identities.ts";
import { type MeasuredRedis, startMeasuredRedis } from "./redis/measured-redis.ts";

/** The fleet that figures are given for, in presence's default intervals. */
const fleet = { sessions: 1_000_000, gateways: 20, heartbeatSeconds: 20, keepSeconds: 5, verifySeconds: 300 };
const sessionsPerGateway = fleet.sessions / fleet.gateways;
/** Calls as the SDK makes them: heartbeats each 50 ms (heartbeats.ts), verifications once they fill a call (verifications.ts). */
const heartbeatsPerCall = (sessionsPerGateway / fleet.heartbeatSeconds) * 0.05;
const verificationsPerCall = 1_000;
const registrationsPerCall = 500;
const callsInFlight = 4;

/**
 * The same sessions on the same gateways, twice: each kept by heartbeats of its own, and all of a gateway by its lease, which is
 * kept, and whose sessions are verified now and then. What a call costs is measured, and counted as often as a fleet makes it.
 */
export const leases: Benchmark = {
  name: "leases",
  about: "what sessions under gateways' leases cost Redis and the node, beside heartbeats of each",
  limitSeconds: 300,
  async run(bench) {
    const rounds = bench.quick ? 2 : 7;
    const people = identities(bench.quick ? 20_000 : 200_000);
    const own = await openSite(bench, people, false);
    const leased = await openSite(bench, people, true);
    const ownCosts: Cost[] = [];
    const leasedCosts: Cost[] = [];
    for (let round = 0; round <= rounds; round++) {
      const heartbeat = await refreshAll(own, people.length, heartbeatsPerCall);
      const verification = await refreshAll(leased, people.length, verificationsPerCall);
      const keep = await keepAll(leased, bench.quick ? 20 : 100);
      // The first round compiles and connects.
      if (round === 0) continue;
      ownCosts.push(times(heartbeat, fleet.sessions / fleet.heartbeatSeconds));
      const verifications = times(verification, fleet.sessions / fleet.verifySeconds);
      leasedCosts.push(sum(verifications, times(keep, fleet.gateways / fleet.keepSeconds)));
      const [one, other, third] = [heartbeat, verification, keep].map((cost) =>
        (cost.nodeUs + cost.redisUs).toFixed(2),
      );
      bench.progress(`round ${round}: heartbeat ${one} µs, verification ${other} µs, KeepLease ${third} µs`);
    }
    report(bench, ownCosts, leasedCosts);
    bench.report({
      name: "used_memory a session under a lease",
      unit: "B",
      samples: [await leased.bytesPerSession()],
      baseline: { name: "with heartbeats of its own", samples: [await own.bytesPerSession()] },
      target: { ratioAtMost: 1 },
    });
    await own.close();
    await leased.close();
  },
};

interface Cost {
  readonly nodeUs: number;
  readonly redisUs: number;
}

interface Site {
  readonly client: ReturnType<typeof connectPresence>;
  readonly node: TestPresence;
  readonly redis: MeasuredRedis;
  readonly gateways: readonly Gateway[];
  /** Of Redis' memory. While sessions register, tables of ZSETs that grow are there twice. */
  bytesPerSession(): Promise<number>;
  close(): Promise<void>;
}

interface Gateway {
  /** Empty: its sessions have heartbeats of their own. */
  readonly leaseId: string;
  readonly sessions: readonly Heartbeat[];
}

async function openSite(bench: Bench, people: readonly Identity[], isLeased: boolean): Promise<Site> {
  const redis = await startMeasuredRedis();
  // Calls come as fast as they are answered, in no interval: nothing may expire meanwhile.
  const env = { REDIS_URL: redis.url, SESSION_TTL: "1h", LEASE_TTL: "1h", LOG_MAX_ENTRIES: "1000", LOG_LEVEL: "warn" };
  const node = await startPresence({ env });
  const client = connectPresence(node.grpcAddress);
  const emptyBytes = await redis.dataBytes();
  const perGateway = people.length / fleet.gateways;
  const gateways: Gateway[] = [];
  for (let number = 0; number < fleet.gateways; number++) {
    const instanceId = `delivery-7d9f8b6c5d-${String(number).padStart(5, "0")}`;
    const leaseId = isLeased ? randomUUID().slice(0, 16) : "";
    if (isLeased) await client.api.openLease({ leaseId, instanceId });
    const its = people.slice(number * perGateway, (number + 1) * perGateway);
    gateways.push({ leaseId, sessions: await registerAll(client, its, { leaseId, instanceId }) });
  }
  bench.progress(`registered ${people.length.toLocaleString("en")} sessions`);
  return {
    ...{ client, node, redis, gateways },
    bytesPerSession: async () => ((await redis.dataBytes()) - emptyBytes) / people.length,
    async close() {
      client.close();
      await node.stop();
      await redis.stop();
    },
  };
}

async function registerAll(
  { api }: Site["client"],
  people: readonly Identity[],
  at: { leaseId: string; instanceId: string },
): Promise<Heartbeat[]> {
  const sessions: Heartbeat[] = [];
  for (let from = 0; from < people.length; from += registrationsPerCall) {
    const some = people.slice(from, from + registrationsPerCall);
    const { results } = await api.registerSessions({ sessions: some.map((who) => ({ ...who, ...at })) });
    for (const [index, { session, message }] of results.entries()) {
      if (session === undefined) throw new Error(`a session was not registered: ${message}`);
      const { userId, deviceId } = some[index] as Identity;
      sessions.push({ userId, deviceId, sessionId: session.sessionId });
    }
  }
  return sessions;
}

/** Heartbeats of so many sessions or verifications, the gateways in turn. @returns what one session's costs */
function refreshAll({ client, ...site }: Site, count: number, perCall: number): Promise<Cost> {
  const calls = Math.ceil(count / perCall);
  const { gateways } = site;
  return costOf(site, calls * perCall, () =>
    closedLoopOf({ count: calls, inFlight: callsInFlight }, async (call) => {
      const { leaseId, sessions: its } = gateways[call % gateways.length] as Gateway;
      const from = Math.floor(call / gateways.length) * perCall;
      const sessions = Array.from({ length: perCall }, (_, index) => its[(from + index) % its.length] as Heartbeat);
      const answer = await client.api.refreshSessions({ sessions, leaseId, partial: true });
      if (answer.missing.length + answer.superseded.length + answer.unconfirmed.length > 0)
        throw new Error("a session is gone");
    }),
  );
}

/** Each gateway's KeepLease so many times. @returns what one costs */
function keepAll({ client, ...site }: Site, times: number): Promise<Cost> {
  const { gateways } = site;
  const count = times * gateways.length;
  return costOf(site, count, () =>
    closedLoopOf({ count, inFlight: 1 }, async (call) => {
      const { leaseId } = gateways[call % gateways.length] as Gateway;
      await client.api.keepLease({ leaseId });
    }),
  );
}

async function costOf(
  { node, redis }: Pick<Site, "node" | "redis">,
  count: number,
  run: () => Promise<void>,
): Promise<Cost> {
  const [nodeBefore, redisBefore] = [await nodeCpuUs(node), await redis.cpuUs()];
  await run();
  const [nodeUs, redisUs] = [(await nodeCpuUs(node)) - nodeBefore, (await redis.cpuUs()) - redisBefore];
  return { nodeUs: nodeUs / count, redisUs: redisUs / count };
}

function times({ nodeUs, redisUs }: Cost, count: number): Cost {
  return { nodeUs: nodeUs * count, redisUs: redisUs * count };
}

function sum(one: Cost, other: Cost): Cost {
  return { nodeUs: one.nodeUs + other.nodeUs, redisUs: one.redisUs + other.redisUs };
}

/** @param own, leased what a second of the fleet costs */
function report(bench: Bench, own: readonly Cost[], leased: readonly Cost[]): void {
  const of = (what: string, us: (cost: Cost) => number, ratioAtMost?: number) =>
    bench.report({
      name: `${what} in a second, ${fleet.sessions.toLocaleString("en")} sessions under leases`,
      unit: "ms",
      samples: leased.map((cost) => us(cost) / 1_000),
      baseline: { name: "heartbeats of each", samples: own.map((cost) => us(cost) / 1_000) },
      target: ratioAtMost === undefined ? undefined : { ratioAtMost },
    });
  of("CPU of node and Redis", ({ nodeUs, redisUs }) => nodeUs + redisUs, 1 / 20);
  of("CPU of the node", ({ nodeUs }) => nodeUs);
  of("CPU of Redis", ({ redisUs }) => redisUs);
}
