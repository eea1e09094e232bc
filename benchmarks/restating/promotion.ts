import { systemClock as clock, pause } from "@realchat/presence-runtime/clock";
import { coreWaitMs, waitUntil } from "@realchat/presence-testing";
import { shardKeys } from "../../services/presence/store/redis/keys.ts";
import { metricOf } from "../../services/presence/testing/fleet.ts";
import type { Bench } from "../benchmark.ts";
import { busyCoresDuring } from "../load/busy-cores.ts";
import { Gateways, p99Of } from "./gateways.ts";
import { periodMs, type Site, startSite } from "./site.ts";

/** So long the shards recover; the sessions' first deadlines are an hour off. */
const ttlMs = 30_000;
const measuredMs = 15_000;

/** Another server answers, which has everything: all are restated, since nobody can prove it. */
export async function measurePromotion(bench: Bench): Promise<void> {
  const users = bench.quick ? 100_000 : 1_000_000;
  bench.progress(`${users.toLocaleString("en")} sessions on a Redis that is promoted`);
  const site = await startSite({ sessions: users, ttlMs, isPublished: true });
  const { node, redis } = site;
  const gateways = new Gateways(site.store, site.people, site.sessions, { periodMs });
  gateways.start();
  await pause(clock, measuredMs);
  gateways.takeLatencies();
  const idle = await measured(site, () => pause(clock, measuredMs));
  const before = gateways.takeLatencies();

  const shards = await metricOf(node, "presence_shards_held");
  for (const { meta } of shardKeys(shards)) await redis.client.hSet(meta, "run_id", "another");
  const restating = () => metricOf(node, "presence_restating_shards");
  const restated = () => metricOf(node, "presence_restated_users_total");
  await waitUntil(async () => (await restating()) > 0, { what: "it restates", deadlineMs: 6 * ttlMs });
  bench.progress("restating");
  gateways.takeLatencies();
  // Shards that recover a moment longer come to it when others may be done.
  const isDone = async () => (await restated()) >= users && (await restating()) === 0;
  const cost = await measured(site, () =>
    waitUntil(isDone, { what: "all are restated", deadlineMs: 600_000 }).catch(async (error) => {
      throw new Error(`of ${users} users, ${await restated()} were restated`, { cause: error });
    }),
  );
  const meanwhile = gateways.takeLatencies();
  const count = await restated();
  const seconds = cost.passedMs / 1_000;
  await pause(clock, measuredMs);
  const after = gateways.takeLatencies();
  gateways.stop();
  bench.progress(
    `${count} users, ${cost.busyCores.toFixed(1)} cores busy (before: ${idle.busyCores.toFixed(1)}), ${gateways.failures} calls repeated`,
  );
  bench.progress(
    `Redis had work and no core ${percentOf(cost.redisWaitedShare)} of the time (before: ${percentOf(idle.redisWaitedShare)}), the gateways ${percentOf(cost.gatewaysWaitedShare)} (before: ${percentOf(idle.gatewaysWaitedShare)})`,
  );
  const beyondIdle = (usOf: (cost: Cost) => number) =>
    (usOf(cost) - (usOf(idle) * cost.passedMs) / idle.passedMs) / count;
  const name = `${users.toLocaleString("en")} users restated after a promotion`;
  bench.report({ name, unit: "s", samples: [seconds], target: { atMost: (90 * users) / 1_000_000 } });
  bench.report({ name: "users restated a second", unit: "", samples: [count / seconds] });
  bench.report({
    name: "Redis CPU a user restated, beyond the heartbeats' share",
    unit: "µs",
    samples: [beyondIdle(({ redisUs }) => redisUs)],
  });
  bench.report({ name: "CPU of the node a user restated", unit: "µs", samples: [beyondIdle(({ nodeUs }) => nodeUs)] });
  bench.report({
    name: "p99 of a heartbeat meanwhile",
    unit: "ms",
    samples: [p99Of(meanwhile)],
    // Both: on a machine that has others to serve, what is before is not what is meanwhile.
    baseline: { name: "before and after", samples: [p99Of(before, after)] },
    target: { ratioAtMost: 2 },
  });
  await site.stop();
}

interface Cost {
  readonly redisUs: number;
  readonly nodeUs: number;
  readonly passedMs: number;
  readonly busyCores: number;
  /** Of the time, had work and no core: what others on the machine add to heartbeats' latencies. */
  readonly redisWaitedShare: number;
  readonly gatewaysWaitedShare: number;
}

async function measured({ redis, node }: Site, run: () => Promise<unknown>): Promise<Cost> {
  const nodeUs = async () => (await metricOf(node, "process_cpu_seconds_total")) * 1_000_000;
  const startMs = clock.monotonicMs();
  const [redisStartUs, nodeStartUs] = [await redis.cpuUs(), await nodeUs()];
  const waitedMs = (pid: number) => coreWaitMs(pid) ?? Number.NaN;
  const [redisWaitedMs, gatewaysWaitedMs] = [waitedMs(redis.pid), waitedMs(process.pid)];
  const busyCores = await busyCoresDuring(async () => {
    await run();
  });
  const passedMs = clock.monotonicMs() - startMs;
  return {
    redisUs: (await redis.cpuUs()) - redisStartUs,
    nodeUs: (await nodeUs()) - nodeStartUs,
    passedMs,
    busyCores,
    redisWaitedShare: (waitedMs(redis.pid) - redisWaitedMs) / passedMs,
    gatewaysWaitedShare: (waitedMs(process.pid) - gatewaysWaitedMs) / passedMs,
  };
}

function percentOf(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
