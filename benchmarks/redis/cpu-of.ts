import { systemClock as clock } from "@realchat/presence-runtime/clock";
import type { MeasuredRedis } from "./measured-redis.ts";

/** What one operation took, µs. */
export interface Cost {
  readonly redisUs: number;
  /** Of this process. */
  readonly nodeUs: number;
  /** Passed time. */
  readonly wallUs: number;
}

/** Runs something that does `count` operations. @returns the cost of one, from the processes' own CPU time */
export async function costOf(
  redis: Pick<MeasuredRedis, "cpuUs">,
  count: number,
  run: () => Promise<void>,
): Promise<Cost> {
  const redisBefore = await redis.cpuUs();
  const nodeBefore = process.cpuUsage();
  const startMs = clock.monotonicMs();
  await run();
  const wallUs = (clock.monotonicMs() - startMs) * 1000;
  const node = process.cpuUsage(nodeBefore);
  const redisUs = (await redis.cpuUs()) - redisBefore;
  return { redisUs: redisUs / count, nodeUs: (node.user + node.system) / count, wallUs: wallUs / count };
}
