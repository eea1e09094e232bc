import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@realchat/presence-runtime/clock";
import { onExit } from "./child.ts";

// Below the range that Linux (32768) and macOS (49152) give to outgoing connections: a server that is killed and
// started again must find its port still free.
const LOWEST = 15_000;
const HIGHEST = 32_000;

/**
 * A loopback TCP port that nothing listens on at the moment. Nobody else gets it here before this process ends: suites
 * run side by side, and a port is not taken until the server that it is for has started.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = LOWEST + Math.floor(systemClock.random() * (HIGHEST - LOWEST));
    if (reservePort(port) && (await canListen(port))) return port;
  }
  throw new Error(`found no free TCP port between ${LOWEST} and ${HIGHEST} on 127.0.0.1 in 100 attempts`);
}

/** Keeps the port for this process until it ends; false when a process that lives has it, this one included. */
export function reservePort(port: number): boolean {
  const file = join(tmpdir(), `realchat-port-${port}`);
  try {
    if (isOver(holderOf(file))) rmSync(file, { force: true });
    writeFileSync(file, String(process.pid), { flag: "wx" });
  } catch {
    return false;
  }
  onExit(() => rmSync(file, { force: true }));
  return true;
}

/** Process id; undefined when no process has the port. */
function holderOf(file: string): number | undefined {
  try {
    return Number(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

/** Whether it was killed before it could give its port back. */
function isOver(pid: number | undefined): boolean {
  try {
    return pid !== undefined && pid > 0 && !process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is there, and another user's.
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
