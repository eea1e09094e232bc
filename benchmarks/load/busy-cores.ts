import { cpus } from "node:os";
import { systemClock as clock } from "@realchat/presence-runtime/clock";

/**
 * How many of the machine's cores were busy while something ran, with whatever it was: when all were, others took what
 * was measured its time.
 */
export async function busyCoresDuring(run: () => Promise<void>): Promise<number> {
  const startMs = clock.monotonicMs();
  const before = busyMs();
  await run();
  return (busyMs() - before) / (clock.monotonicMs() - startMs);
}

function busyMs(): number {
  let sumMs = 0;
  for (const { times } of cpus()) sumMs += times.user + times.nice + times.sys + times.irq;
  return sumMs;
}
