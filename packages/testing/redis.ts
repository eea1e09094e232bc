import { connect } from "node:net";
import { join } from "node:path";
import { type Child, startChild } from "./child.ts";
import { containerProgram, type ServerProgram } from "./container.ts";
import { freePort } from "./free-port.ts";
import { provideRedis, type RedisServer, redisImage } from "./provision/redis-server.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { waitUntil } from "./wait-until.ts";

export type RedisOptions = {
  /** Further configuration as command line arguments, such as `["--appendonly", "yes"]`. */
  args?: readonly string[];
  /** TCP port; default a free one. */
  port?: number;
  /** For `requirepass`; default none. */
  password?: string;
  /** Working folder; default a temporary one. */
  dir?: string;
};

/** A Redis that belongs to one test: it may be frozen, killed and filled at will. */
export type TestRedis = {
  /** Such as `redis://127.0.0.1:15011`, with the password if there is one. */
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
 */
export async function startRedis(options: RedisOptions = {}): Promise<TestRedis> {
  const port = options.port ?? (await freePort());
  const folder = temporaryFolder("redis");
  const login = options.password === undefined ? "" : `:${encodeURIComponent(options.password)}@`;
  const server = redisProgram(await provideRedis(), port, folder.path, options);
  const start = async () => {
    const child = await server.start();
    await untilAnswering(child, port, options.password);
    return child;
  };

  let child = await start();
  return {
    url: `redis://${login}${host}:${port}`,
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

function redisProgram(source: RedisServer, port: number, folder: string, options: RedisOptions): ServerProgram {
  const args = [
    ...["--port", String(port), "--save", "", "--appendonly", "no"],
    ...(options.password === undefined ? [] : ["--requirepass", options.password]),
    ...(options.args ?? []),
  ];
  if (source.kind === "container") {
    // Everyone may connect inside the container; only loopback leads into it.
    const command = ["redis-server", "--bind", "0.0.0.0", "--protected-mode", "no", ...args];
    return containerProgram({ image: redisImage, ports: [port], command, folder });
  }
  const command = ["--bind", host, "--dir", options.dir ?? folder, ...args];
  const logFile = join(folder, "redis.log");
  return {
    start: () => startChild(source.path, command, { logFile, env: { ...process.env, ...source.env } }),
    remove() {},
  };
}

async function untilAnswering(child: Child, port: number, password: string | undefined): Promise<void> {
  let ended = false;
  await waitUntil(
    async () => {
      ended = child.exitCode() !== undefined;
      return ended || (await ping(port, password));
    },
    { what: `redis-server on port ${port} answers PING` },
  );
  if (ended) throw new Error(`redis-server ended with code ${child.exitCode()}; it said:\n${child.output()}`);
}

/** True on `+PONG`; false on anything else, such as `-LOADING`, and when nothing listens. */
function ping(port: number, password: string | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    let answer = "";
    const done = (value: boolean) => {
      socket.destroy();
      resolve(value);
    };
    socket.setTimeout(1_000, () => done(false));
    socket.on("error", () => done(false));
    socket.on("close", () => done(false));
    socket.on("connect", () => {
      if (password !== undefined) socket.write(respCommand("AUTH", password));
      socket.write(respCommand("PING"));
    });
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1");
      if (answer.endsWith("+PONG\r\n")) done(true);
      else if (answer.includes("-")) done(false);
    });
  });
}

/** https://redis.io/docs/latest/develop/reference/protocol-spec: a command is an array of bulk strings. */
function respCommand(...parts: string[]): string {
  const bulks = parts.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`);
  return `*${parts.length}\r\n${bulks.join("")}`;
}
