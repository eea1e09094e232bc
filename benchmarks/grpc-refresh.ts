import { startPresence, startRedis } from "@realchat/presence-testing";
import type { Benchmark } from "./benchmark.ts";
import { connectPresence, type Heartbeat, nodeCpuUs, refreshEach, refreshInBatches } from "./grpc/heartbeats.ts";
import { startIdleServer } from "./grpc/start-idle-server.ts";
import { closedLoopOf } from "./load/closed-loop.ts";
import { type Identity, identities } from "./load/identities.ts";
import { inTurn } from "./load/turns.ts";

const inFlight = 64;
const batchSessions = 100;

/** RefreshSession from the wire to Redis and back; server and caller are processes of their own. */
export const grpcRefresh: Benchmark = {
  name: "grpc-refresh",
  about: "what a heartbeat over gRPC costs the presence node, alone and in batches",
  limitSeconds: 180,
  async run(bench) {
    const rounds = bench.quick ? 2 : 5;
    const calls = bench.quick ? 5_000 : 20_000;
    const people = identities(bench.quick ? 2_000 : 20_000);
    const redis = await startRedis();
    const node = await startPresence({ env: { REDIS_URL: redis.url, SESSION_TTL: "1h", LOG_LEVEL: "warn" } });
    const client = connectPresence(node.grpcAddress);
    const sessions: Heartbeat[] = new Array(people.length);
    await closedLoopOf({ count: people.length, inFlight }, async (index) => {
      const { userId, deviceId, connectionId } = people[index] as Identity;
      const registration = { userId, deviceId, connectionId, instanceId: "gateway-1" };
      const { sessionId } = await client.api.registerSession(registration);
      sessions[index] = { userId, deviceId, sessionId };
    });
    const idle = await startIdleServer();
    const idleClient = connectPresence(idle.address);
    const ofNode = () => nodeCpuUs(node);
    const next = inTurn(sessions);
    const load = { count: calls, inFlight };
    const batches = { count: 5 * calls, inFlight: 8, batchSessions };

    const alone: number[] = [];
    const batched: number[] = [];
    const idling: number[] = [];
    for (let round = 0; round <= rounds; round++) {
      const aloneUs = await usPer(calls, ofNode, () => refreshEach(client, next, load));
      const idleUs = await usPer(calls, idle.cpuUs, () => refreshEach(idleClient, next, load));
      const batchedUs = await usPer(batches.count, ofNode, () => refreshInBatches(client, next, batches));
      if (round === 0) continue;
      alone.push(aloneUs);
      idling.push(idleUs);
      batched.push(batchedUs);
      bench.progress(`round ${round} of ${rounds}: ${aloneUs.toFixed(0)} µs a call`);
    }
    bench.report({
      name: `node CPU of RefreshSession over gRPC, ${inFlight} in flight`,
      unit: "µs",
      samples: alone,
      baseline: { name: "same engine, answering at once", samples: idling },
    });
    bench.report({
      name: `node CPU a heartbeat in RefreshSessions of ${batchSessions}`,
      unit: "µs",
      samples: batched,
      baseline: { name: "RefreshSession", samples: alone },
    });
    client.close();
    idleClient.close();
    idle.stop();
    await node.stop();
    await redis.stop();
  },
};

async function usPer(count: number, cpuUs: () => Promise<number>, run: () => Promise<void>): Promise<number> {
  const beforeUs = await cpuUs();
  await run();
  return ((await cpuUs()) - beforeUs) / count;
}
