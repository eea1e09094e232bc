import { join } from "node:path";
import { type Child, startChild } from "./child.ts";
import { containerProgram, type ServerProgram } from "./container.ts";
import { freePort } from "./free-port.ts";
import { provideRedis, type RedisServer, redisImage } from "./provision/redis-server.ts";
import { redisAnswers } from "./redis-ping.ts";
import { isWithoutTls, type RedisTls, tlsArgs, withoutTls, writeTlsFiles } from "./redis-tls.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { waitUntil } from "./wait-until.ts";

export type RedisOptions = {
  /** Further configuration as command line arguments, such as `["--appendonly", "yes"]`. */
  args?: readonly string[];
  /** TCP port; default a free one. */
  port?: number;
  /** Default none. */
  password?: string;
  /** The only ACL user, with `password`; default: Redis' own. */
  user?: string;
  /** Speaks TLS, and nothing else; default plain TCP. */
  tls?: RedisTls;
  /** Working folder; default a temporary one. */
  dir?: string;
  /** Further environment of the server, unless it is in a container. */
  env?: Readonly<Record<string, string>>;
  /** How long a start may take; default 30,000. */
  deadlineMs?: number;
};

/** A Redis that belongs to one test: it may be frozen, killed and filled at will. */
export type TestRedis = {
  /** Such as `redis://127.0.0.1:15011`; `rediss://` with TLS, and with user and password if there are any. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Of the process that runs now: another one after `restart`. */
  readonly pid: number;
  /** SIGSTOP: connections stay open, nothing answers. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** Ends it in good order if it runs, and starts it again on the same port and folder. Data are lost by default. */
  restart(): Promise<void>;
  /** Ends it for good and removes its temporary folder. */
  stop(): Promise<void>;
};

const host = "127.0.0.1";

/**
 * Starts a real redis-server on loopback, without persistence, and waits until it answers PING.
 * @throws Error with the server's own words when it does not come up
 * @throws MissingServerError when it shall speak TLS and was built without
 */
export async function startRedis(options: RedisOptions = {}): Promise<TestRedis> {
  const port = options.port ?? (await freePort());
  const folder = temporaryFolder("redis");
  const server = redisProgram(await provideRedis(), port, folder.path, options);
  const start = async () => {
    const child = await server.start();
    await untilAnswering(child, port, options);
    return child;
  };

  let child = await start();
  return {
    url: `${options.tls === undefined ? "redis" : "rediss"}://${loginOf(options)}${host}:${port}`,
    host,
    port,
    get pid() {
      return child.pid;
    },
    pause: () => child.signal("SIGSTOP"),
    resume: () => child.signal("SIGCONT"),
    async kill() {
      await child.end("SIGKILL");
    },
    async restart() {
      await child.end("SIGTERM");
      child = await start();
    },
    async stop() {
      await child.end("SIGKILL");
      server.remove();
      folder.remove();
    },
  };
}

/** As a URL has it. */
function loginOf({ user = "", password }: RedisOptions): string {
  return password === undefined ? "" : `${encodeURIComponent(user)}:${encodeURIComponent(password)}@`;
}

function redisProgram(source: RedisServer, port: number, folder: string, options: RedisOptions): ServerProgram {
  const tlsFiles = options.tls && writeTlsFiles(options.tls, folder);
  const args = [
    ...(tlsFiles === undefined ? ["--port", String(port)] : tlsArgs(port, tlsFiles)),
    ...["--save", "", "--appendonly", "no"],
    ...accessArgs(options),
    ...(options.args ?? []),
  ];
  if (source.kind === "container") {
    // Everyone may connect inside the container; only loopback leads into it.
    const command = ["redis-server", "--bind", "0.0.0.0", "--protected-mode", "no", ...args];
    const files = Object.values(tlsFiles ?? {});
    return containerProgram({ image: redisImage, ports: [port], command, folder, files });
  }
  const command = ["--bind", host, "--dir", options.dir ?? folder, ...args];
  const logFile = join(folder, "redis.log");
  return {
    start: () => startChild(source.path, command, { logFile, env: { ...process.env, ...source.env, ...options.env } }),
    remove() {},
  };
}

/** https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/ */
function accessArgs({ user, password }: RedisOptions): string[] {
  if (password === undefined) return [];
  if (user === undefined) return ["--requirepass", password];
  return ["--user", user, "on", `>${password}`, "~*", "&*", "+@all", "--user", "default", "off"];
}

async function untilAnswering(child: Child, port: number, options: RedisOptions): Promise<void> {
  let ended = false;
  await waitUntil(
    async () => {
      ended = child.exitCode() !== undefined;
      return ended || (await redisAnswers({ host, port, ...options }));
    },
    { what: `redis-server on port ${port} answers PING`, deadlineMs: options.deadlineMs ?? 30_000 },
  );
  if (ended && isWithoutTls(child.output())) throw withoutTls();
  if (ended) throw new Error(`redis-server ended with code ${child.exitCode()}; it said:\n${child.output()}`);
}
