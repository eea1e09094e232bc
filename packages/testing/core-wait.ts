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

/**
 * How long these processes and this one have waited for a core, together, from now on: what is promised within a time may
 * take that much more while the machine is busy.
 * @param pids those that there are when it is read
 * @returns reads it, ms
 */
export function heldUp(pids: () => readonly number[], waitedMs = coreWaitMs): () => number {
  const read = () => new Map([process.pid, ...pids()].map((pid) => [pid, waitedMs(pid) ?? 0]));
  const before = read();
  return () => [...read()].reduce((sum, [pid, ms]) => sum + ms - (before.get(pid) ?? 0), 0);
}
