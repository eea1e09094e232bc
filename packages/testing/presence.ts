import { join } from "node:path";
import { bareEnvironment, startChild } from "./child.ts";
import { freePort } from "./free-port.ts";
import { repository } from "./provision/folders.ts";
import { isEmptyRedis, settleStore } from "./settled-store.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { waitUntil } from "./wait-until.ts";

export type PresenceOptions = {
  /** Settings as the service reads them, such as `{ REDIS_URL, SESSION_TTL: "2s" }`. Ours are not passed on. */
  env?: Readonly<Record<string, string>>;
  /** Flags. */
  args?: readonly string[];
  /** Which health endpoint must answer 200 before this returns; `live` for a node whose store is away. Default `ready`. */
  until?: "ready" | "live";
  /** How long that may take; default 45,000. */
  deadlineMs?: number;
  /**
   * Lets the shards of a store that is empty so far recover, as they do: nobody goes offline for a TTL. By default they
   * look as if they had been in use for long.
   */
  recovers?: boolean;
};

/** A presence node: a process of its own, as it runs in production. */
export type TestPresence = {
  /** Where gRPC is, such as `127.0.0.1:15002`. */
  readonly grpcAddress: string;
  /** Where /metrics and /health are. */
  readonly httpAddress: string;
  readonly pid: number;
  /** All that it logged. */
  logs(): string;
  /** Resolves once that health endpoint answers 200. */
  untilHealth(name: "ready" | "live", deadlineMs?: number): Promise<void>;
  /** SIGSTOP: connections stay open, nothing answers. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number>;
};

/**
 * Starts a presence node on free loopback ports and waits until it is ready.
 * @throws Error with the node's logs when it ends instead
 */
export async function startPresence(options: PresenceOptions = {}): Promise<TestPresence> {
  const grpcAddress = `127.0.0.1:${await freePort()}`;
  const httpAddress = `127.0.0.1:${await freePort()}`;
  if (options.recovers !== true) await settleNewStore(options.env ?? {});
  const folder = temporaryFolder("presence");
  const child = await startChild(
    process.execPath,
    [join(repository, "services/presence/main.ts"), ...(options.args ?? [])],
    {
      logFile: join(folder.path, "presence.log"),
      cwd: repository,
      env: { ...bareEnvironment, GRPC_ADDR: grpcAddress, HTTP_ADDR: httpAddress, ...options.env },
    },
  );

  const untilHealth = async (name: "ready" | "live", deadlineMs = 45_000) => {
    let ended = false;
    const look = async () => {
      ended = child.exitCode() !== undefined;
      return ended || (await isHealthy(`http://${httpAddress}/health/${name}`));
    };
    await waitUntil(look, { what: `the presence node at ${grpcAddress} is ${name}`, deadlineMs });
    if (ended) throw new Error(`the presence node ended with code ${child.exitCode()}; it said:\n${child.output()}`);
  };
  await untilHealth(options.until ?? "ready", options.deadlineMs);

  return {
    grpcAddress,
    httpAddress,
    pid: child.pid,
    logs: () => child.output(),
    untilHealth,
    pause: () => child.signal("SIGSTOP"),
    resume: () => child.signal("SIGCONT"),
    async kill() {
      await child.end("SIGKILL");
    },
    stop: () => child.end("SIGTERM"),
  };
}

/** A Redis that is away, or speaks TLS, is left as it is. */
async function settleNewStore({ REDIS_URL = "", SHARDS = "16" }: Readonly<Record<string, string>>): Promise<void> {
  if (!/^redis:\/\/[^/]+\/?$/.test(REDIS_URL)) return;
  if (await isEmptyRedis(REDIS_URL).catch(() => false)) await settleStore(REDIS_URL, Number(SHARDS));
}

async function isHealthy(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(1_000) });
  await response.arrayBuffer();
  return response.status === 200;
}
