import { readFileSync } from "node:fs";

/**
 * How long a process's main thread has had work and no core, ms since it began; undefined where the kernel does not tell. Source:
 * https://docs.kernel.org/scheduler/sched-stats.html, `/proc/<pid>/schedstat`.
 */
export function coreWaitMs(pid: number): number | undefined {
  try {
    const [, waitedNs] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "utf8").split(" ");
    return Number(waitedNs) / 1_000_000;
  } catch {
    return undefined;
  }
}
