import type { Random } from "../random/random.ts";
import type { FalseClock } from "../time/false-clock.ts";
import type { FaultKind } from "./fault-kind.ts";
import { singleOf } from "./redis-faults.ts";

/** Of one step of Redis' clock the shard clock takes a second at most; each fault is one step forward and one back. */
const leapMs = 1_000;

/** Wall clocks are put wrong, and right again. */
export const clockFaults: readonly FaultKind[] = [
  {
    ...{ name: "clock.redis", of: ["single"], lastsMs: [500, 8_000], weight: 1, stepsClocks: true },
    async begin({ system }, random) {
      const clock = trueOne(singleOf(system).clock);
      const seconds = stepOf(random, 40);
      await clock.step(seconds);
      // Its leases run out, or last longer.
      const allowance = { everyone: { part: "whole", afterMs: 3_000 } as const, leapMs, unavailableAfterMs: 0 };
      return { target: `redis by ${seconds} s`, allowance, heal: () => clock.step(0) };
    },
  },
  {
    ...{ name: "clock.node", lastsMs: [500, 8_000], weight: 1, stepsClocks: true },
    async begin({ system }, random) {
      const node = random.oneOf(system.nodes);
      const clock = trueOne(node.clock);
      const seconds = stepOf(random, 3_600);
      await clock.step(seconds);
      return {
        target: `${node.name} by ${seconds} s`,
        allowance: { unavailableAfterMs: 0 },
        heal: () => clock.step(0),
      };
    },
  },
];

function stepOf(random: Random, most: number): number {
  return Math.round(random.between(2, most)) * (random.chance(0.5) ? 1 : -1);
}

function trueOne(clock: FalseClock | undefined): FalseClock {
  if (clock === undefined) throw new Error("no clock can be stepped without libfaketime");
  return clock;
}
