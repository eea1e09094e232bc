import type { Allowance } from "../history/injected-fault.ts";
import { SingleRedis } from "../system/single-redis.ts";
import type { System } from "../system/system.ts";
import type { FaultKind } from "./fault-kind.ts";

const storeIsAway = (more: Partial<Allowance> = {}): Allowance => ({
  everyone: { part: "whole", afterMs: 3_000 },
  isOutage: true,
  unavailableAfterMs: 2_500,
  ...more,
});

/** A recovery takes a TTL of 6 s. */
const toRecoverMs = 6_000;

/** The store loses what it had. A recovery takes a TTL, and the restating after it a moment. */
export const storeIsLost: Allowance = {
  everyone: { part: "whole", afterMs: 3_000 + toRecoverMs + 5_000 },
  losesData: true,
  unavailableAfterMs: 2_500,
};

/** The store is away, loses what it had, or has no room. */
export const redisFaults: readonly FaultKind[] = [
  {
    name: "redis.freeze",
    of: ["single"],
    lastsMs: [300, 9_000],
    weight: 2,
    begin({ system }) {
      const redis = singleOf(system);
      redis.freeze();
      return { target: "redis", allowance: storeIsAway({ holdsCalls: true }), heal: () => redis.resume() };
    },
  },
  {
    name: "redis.restart",
    of: ["single"],
    lastsMs: [200, 8_000],
    weight: 2,
    async begin({ system }) {
      const redis = singleOf(system);
      await redis.kill();
      return { target: "redis", allowance: storeIsAway({ recovers: true }), heal: () => redis.startAgain() };
    },
  },
  {
    name: "redis.flush",
    lastsMs: [0, 0],
    weight: 1,
    async begin({ system: { redis } }) {
      await redis.flush();
      return { target: "redis", allowance: storeIsLost, heal() {} };
    },
  },
  {
    name: "redis.restart-empty",
    of: ["single"],
    lastsMs: [200, 4_000],
    weight: 1,
    async begin({ system }) {
      const redis = singleOf(system);
      await redis.kill();
      return { target: "redis", allowance: { ...storeIsLost, isOutage: true }, heal: () => redis.startEmpty() };
    },
  },
  {
    // It takes nothing new, and keeps what it has.
    name: "redis.full",
    lastsMs: [500, 8_000],
    weight: 1,
    async begin({ system: { redis } }) {
      await redis.limitMemory(1);
      return { target: "redis", allowance: { unavailableAfterMs: 0 }, heal: () => redis.limitMemory(0) };
    },
  },
];

export function singleOf({ redis }: System): SingleRedis {
  if (redis instanceof SingleRedis) return redis;
  throw new Error(`this fault is of a single Redis, not of ${redis.kind}`);
}
