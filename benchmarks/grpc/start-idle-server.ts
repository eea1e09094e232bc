import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { CpuAnswer, Listening } from "./idle-server.ts";

interface IdleServer {
  readonly address: string;
  /** CPU time of its process so far, µs. */
  cpuUs(): Promise<number>;
  stop(): void;
}

/** Starts idle-server.ts as a process of its own. */
export async function startIdleServer(): Promise<IdleServer> {
  const child = fork(new URL("./idle-server.ts", import.meta.url));
  const [{ port }] = (await once(child, "message")) as [Listening];
  return { address: `127.0.0.1:${port}`, cpuUs: () => askCpu(child), stop: () => void child.kill() };
}

async function askCpu(child: ChildProcess): Promise<number> {
  child.send("cpu");
  const [{ cpuUs }] = (await once(child, "message")) as [CpuAnswer];
  return cpuUs;
}
