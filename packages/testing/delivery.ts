import { join } from "node:path";
import { bareEnvironment, startChild } from "./child.ts";
import { freePort } from "./free-port.ts";
import { repository } from "./provision/folders.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { waitUntil } from "./wait-until.ts";

export type DeliveryOptions = {
  /** Settings as the service reads them, such as `{ PRESENCE_SVC_ADDR }`. Ours are not passed on. */
  env?: Readonly<Record<string, string>>;
  /** Flags. */
  args?: readonly string[];
  /** Ports that it had before; default: free ones. */
  socketAddress?: string;
};

/** A delivery gateway: a process of its own, as it runs in production. */
export type TestDelivery = {
  /** Where sockets and the page are, such as `127.0.0.1:15083`. */
  readonly socketAddress: string;
  /** Where /metrics and /health are. */
  readonly httpAddress: string;
  readonly pid: number;
  /** All that it logged. */
  logs(): string;
  /** Metrics by name and labels, as in /metrics: `delivery_sockets`, `x_total{reason="y"}`. */
  metrics(): Promise<ReadonlyMap<string, number>>;
  /** SIGSTOP: connections stay open, nothing answers. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number>;
};

/** As `npm run start:delivery` gives them: docs/operations.md, Memory of a gateway. */
const nodeFlags = ["--max-semi-space-size=16"];

/**
 * Starts a gateway on loopback ports and waits until it can be connected to and is ready.
 * @throws Error with its logs when it ends instead
 */
export async function startDelivery(options: DeliveryOptions = {}): Promise<TestDelivery> {
  const socketAddress = options.socketAddress ?? `127.0.0.1:${await freePort()}`;
  const httpAddress = `127.0.0.1:${await freePort()}`;
  const folder = temporaryFolder("delivery");
  const command = [join(repository, "services/delivery/main.ts"), ...(options.args ?? [])];
  const child = await startChild(process.execPath, [...nodeFlags, ...command], {
    logFile: join(folder.path, "delivery.log"),
    cwd: repository,
    env: { ...bareEnvironment, HTTP_PORT: socketAddress, HTTP_ADDR: httpAddress, ...options.env },
  });
  const look = async () => {
    if (child.exitCode() !== undefined) return true;
    const response = await fetch(`http://${httpAddress}/health/ready`, { signal: AbortSignal.timeout(1_000) });
    await response.arrayBuffer();
    return response.status === 200;
  };
  await waitUntil(look, { what: `the gateway at ${socketAddress} is ready`, deadlineMs: 45_000 });
  if (child.exitCode() !== undefined) {
    throw new Error(`the gateway ended with code ${child.exitCode()}; it said:\n${child.output()}`);
  }
  return {
    socketAddress,
    httpAddress,
    pid: child.pid,
    logs: () => child.output(),
    async metrics() {
      const response = await fetch(`http://${httpAddress}/metrics`, { signal: AbortSignal.timeout(5_000) });
      return readMetrics(await response.text());
    },
    pause: () => child.signal("SIGSTOP"),
    resume: () => child.signal("SIGCONT"),
    async kill() {
      await child.end("SIGKILL");
    },
    stop: () => child.end("SIGTERM"),
  };
}

/** Source: https://prometheus.io/docs/instrumenting/exposition_formats/ */
function readMetrics(text: string): Map<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(" ");
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}
