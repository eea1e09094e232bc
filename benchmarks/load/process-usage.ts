import { readFileSync } from "node:fs";

/** Ticks of /proc a second; 100 on every Linux that Node runs on. Source: proc_pid_stat(5), sysconf(_SC_CLK_TCK) */
const ticksPerSecond = 100;

/** CPU time of a process, all its threads included, µs. Source: utime and stime in proc_pid_stat(5) */
export function cpuUsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name of the program may hold anything, but it ends with the last parenthesis.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1_000_000) / ticksPerSecond;
}

/** Memory of a process that is resident, bytes. Source: VmRSS in proc_pid_status(5) */
export function residentBytesOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
