import { systemClock as clock, pause } from "@realchat/presence-runtime/clock";
import { waitUntil } from "@realchat/presence-testing";
import { shardKeys } from "../../services/presence/store/redis/keys.ts";
import { metricOf } from "../../services/presence/testing/fleet.ts";
import type { Bench } from "../benchmark.ts";
import { busyCoresDuring } from "../load/busy-cores.ts";
import { percentile } from "../report/figure.ts";
import { Gateways } from "./gateways.ts";
import { periodMs, startSite } from "./site.ts";

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
  const idle = await measured(redis, () => pause(clock, measuredMs));
  const before = percentile(gateways.takeLatencies(), 0.99);

  const shards = await metricOf(node, "presence_shards_held");
  for (const { meta } of shardKeys(shards)) await redis.client.hSet(meta, "run_id", "another");
  const restating = () => metricOf(node, "presence_restating_shards");
  const restated = () => metricOf(node, "presence_restated_users_total");
  await waitUntil(async () => (await restating()) > 0, { what: "it restates", deadlineMs: 3 * ttlMs });
  bench.progress(`restating, ${(await restating()).toFixed(0)} shards of ${shards}`);
  gateways.takeLatencies();
  const cost = await measured(redis, () =>
    waitUntil(async () => (await restating()) === 0, { what: "all are restated", deadlineMs: 400_000 }),
  );
  const meanwhile = percentile(gateways.takeLatencies(), 0.99);
  const count = await restated();
  const seconds = cost.passedMs / 1_000;
  bench.progress(
    `${count} users, ${cost.busyCores.toFixed(1)} cores busy (before: ${idle.busyCores.toFixed(1)}), ${gateways.failures} calls repeated`,
  );
  if (count < users) throw new Error(`of ${users} users, ${count} were restated`);
  const name = `${users.toLocaleString("en")} users restated after a promotion`;
  bench.report({ name, unit: "s", samples: [seconds], target: { atMost: (90 * users) / 1_000_000 } });
  bench.report({ name: "users restated a second", unit: "", samples: [count / seconds] });
  bench.report({
    name: "Redis CPU a user restated, beyond the heartbeats' share",
    unit: "µs",
    samples: [(cost.redisUs - (idle.redisUs * cost.passedMs) / idle.passedMs) / count],
  });
  bench.report({
    name: "p99 of a heartbeat meanwhile",
    unit: "ms",
    samples: [meanwhile],
    baseline: { name: "before", samples: [before] },
    target: { ratioAtMost: 2 },
  });
  gateways.stop();
  await site.stop();
}

async function measured(
  redis: { cpuUs(): Promise<number> },
  run: () => Promise<unknown>,
): Promise<{ redisUs: number; passedMs: number; busyCores: number }> {
  const startMs = clock.monotonicMs();
  const startUs = await redis.cpuUs();
  const busyCores = await busyCoresDuring(async () => {
    await run();
  });
  return { redisUs: (await redis.cpuUs()) - startUs, passedMs: clock.monotonicMs() - startMs, busyCores };
}
