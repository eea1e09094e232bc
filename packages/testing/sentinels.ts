import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Child, startChild } from "./child.ts";
import { freePort } from "./free-port.ts";
import { MissingServerError } from "./provision/missing-server.ts";
import { provideRedis } from "./provision/redis-server.ts";
import { type RedisOptions, startRedis, type TestRedis } from "./redis.ts";
import { type RedisAnswer, type RedisDoor, redisCommand } from "./redis-command.ts";
import { writeTlsFiles } from "./redis-tls.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { waitUntil } from "./wait-until.ts";

export type SentinelsOptions = Pick<RedisOptions, "user" | "password" | "tls" | "args"> & {
  /** The only ACL user of the Sentinels; default: they let everybody in. */
  readonly login?: { readonly user: string; readonly password: string };
  /** Silence after which Sentinels take a server for dead, ms; default 1,000. */
  readonly downAfterMs?: number;
};

/** A Sentinel that belongs to one test. */
export type TestSentinel = Pick<TestRedis, "host" | "port" | "pause" | "resume"> & {
  kill(): Promise<void>;
  /** Starts it again, with all that it knew. */
  restart(): Promise<void>;
  command(...command: string[]): Promise<RedisAnswer>;
};

/** A server behind Sentinels. */
export type WatchedRedis = TestRedis & { command(...command: string[]): Promise<RedisAnswer> };

/** A master, two replicas, and three Sentinels of which two must agree. */
export type TestSentinels = {
  /** What the Sentinels call the master. */
  readonly masterName: string;
  readonly sentinels: readonly TestSentinel[];
  /** The first began as the master. */
  readonly servers: readonly WatchedRedis[];
  /** By the word of most Sentinels that answer. */
  master(): Promise<WatchedRedis>;
  /** Has a replica take the master's place while both are well. @returns the new master */
  failover(): Promise<WatchedRedis>;
  /** Waits until all run, and all Sentinels know all of them and agree. */
  untilWhole(): Promise<void>;
  stop(): Promise<void>;
};

const masterName = "main";
const quorum = 2;
const serverCount = 3;
const sentinelCount = 3;

/**
 * Starts six real processes on loopback.
 * @throws MissingServerError where redis-server is in a container only
 */
export async function startSentinels(options: SentinelsOptions = {}): Promise<TestSentinels> {
  const { login, downAfterMs = 1_000, args = [], ...access } = options;
  const server = await provideRedis();
  if (server.kind === "container") {
    throw new MissingServerError("Redis", "Sentinels on loopback need a redis-server outside of containers");
  }
  const start = (further: readonly string[]) => startWatched(access, [...further, ...args]);
  const master = await start([]);
  const replicas = await Promise.all(
    Array.from({ length: serverCount - 1 }, () => start(["--replicaof", `${master.host} ${master.port}`])),
  );
  const servers = [master, ...replicas];
  await waitUntil(async () => /connected_slaves:2/.test(String(await master.command("INFO", "replication"))), {
    what: "both replicas are connected to the master",
  });
  const config = { master, access, login, downAfterMs };
  const sentinels = await Promise.all(
    Array.from({ length: sentinelCount }, () => startSentinel(server.path, { ...process.env, ...server.env }, config)),
  );
  const watched = new Sentinels(sentinels, servers);
  await watched.untilWhole();
  return watched;
}

type Access = Pick<RedisOptions, "user" | "password" | "tls">;

async function startWatched(access: Access, args: readonly string[]): Promise<WatchedRedis> {
  const { user, password, tls } = access;
  const server = await startRedis({
    ...access,
    args: [
      ...["--repl-diskless-sync-delay", "0"],
      ...(tls === undefined ? [] : ["--tls-replication", "yes"]),
      ...(password === undefined ? [] : ["--masterauth", password]),
      ...(user === undefined ? [] : ["--masteruser", user]),
      ...args,
    ],
  });
  const { host, port } = server;
  return Object.assign(server, { command: (...words: string[]) => redisCommand({ host, port, ...access }, ...words) });
}

interface SentinelConfig {
  readonly master: TestRedis;
  readonly access: Access;
  readonly login: SentinelsOptions["login"];
  readonly downAfterMs: number;
}

type StartedSentinel = TestSentinel & { readonly isPaused: boolean; remove(): Promise<void> };

async function startSentinel(
  program: string,
  env: NodeJS.ProcessEnv,
  { master, access, login, downAfterMs }: SentinelConfig,
): Promise<StartedSentinel> {
  const port = await freePort();
  const folder = temporaryFolder("sentinel");
  const { user, password, tls } = access;
  const files = tls && writeTlsFiles(tls, folder.path);
  const configFile = join(folder.path, "sentinel.conf");
  // https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/
  const lines = [
    `dir ${folder.path}`,
    "bind 127.0.0.1",
    ...(files === undefined
      ? [`port ${port}`]
      : [
          ...["port 0", `tls-port ${port}`, "tls-replication yes", "tls-auth-clients no"],
          ...[`tls-cert-file ${files.certificate}`, `tls-key-file ${files.key}`, `tls-ca-cert-file ${files.ca}`],
        ]),
    `sentinel monitor ${masterName} ${master.host} ${master.port} ${quorum}`,
    `sentinel down-after-milliseconds ${masterName} ${downAfterMs}`,
    `sentinel failover-timeout ${masterName} 2000`,
    `sentinel parallel-syncs ${masterName} 2`,
    ...(user === undefined ? [] : [`sentinel auth-user ${masterName} ${user}`]),
    ...(password === undefined ? [] : [`sentinel auth-pass ${masterName} ${password}`]),
    ...(login === undefined
      ? []
      : [
          ...["user default off", `user ${login.user} on >${login.password} ~* &* +@all`],
          ...[`sentinel sentinel-user ${login.user}`, `sentinel sentinel-pass ${login.password}`],
        ]),
  ];
  writeFileSync(configFile, `${lines.join("\n")}\n`);
  const door: RedisDoor = { host: "127.0.0.1", port, ...login, ...(tls && { tls }) };
  const command = (...words: string[]) => redisCommand(door, ...words);
  const start = async () => {
    const logFile = join(folder.path, "sentinel.log");
    const child = await startChild(program, [configFile, "--sentinel"], { logFile, env });
    await untilAnswering(child, command);
    // Sooner than by the clock of an operator; and a machine that is held up is no reason to do nothing for 30 s. While the
    // master is down, replicas tell of themselves once a second, and what they told is good for five pings.
    const paces = ["INFO-PERIOD", "400", "PING-PERIOD", "300", "PUBLISH-PERIOD", "200", "ASK-PERIOD", "200"];
    const tilt = ["TILT-TRIGGER", "20000", "TILT-PERIOD", "1000"];
    await command("SENTINEL", "DEBUG", ...paces, ...tilt, "ELECTION-TIMEOUT", "2000");
    return child;
  };
  let child = await start();
  let isPaused = false;
  return {
    host: "127.0.0.1",
    port,
    command,
    get isPaused() {
      return isPaused;
    },
    pause() {
      isPaused = true;
      child.signal("SIGSTOP");
    },
    resume() {
      isPaused = false;
      child.signal("SIGCONT");
    },
    async kill() {
      await child.end("SIGKILL");
    },
    async restart() {
      await child.end("SIGTERM");
      child = await start();
    },
    async remove() {
      await child.end("SIGKILL");
      folder.remove();
    },
  };
}

async function untilAnswering(child: Child, command: TestSentinel["command"]): Promise<void> {
  await waitUntil(
    async () => {
      if (child.exitCode() !== undefined) throw new Error(`a Sentinel ended; it said:\n${child.output()}`);
      return (await command("PING").catch(() => "")) === "PONG";
    },
    { what: "a Sentinel answers PING" },
  );
}

class Sentinels implements TestSentinels {
  readonly masterName = masterName;
  readonly sentinels: readonly StartedSentinel[];
  readonly servers: readonly WatchedRedis[];

  constructor(sentinels: readonly StartedSentinel[], servers: readonly WatchedRedis[]) {
    this.sentinels = sentinels;
    this.servers = servers;
  }

  async master(): Promise<WatchedRedis> {
    const asked = await Promise.all(
      this.sentinels
        .filter(({ isPaused }) => !isPaused)
        .map((sentinel) => sentinel.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", masterName).catch(() => undefined)),
    );
    const named = asked.filter((answer) => answer !== undefined).map((answer) => Number((answer as string[])[1]));
    const master = this.servers.find(({ port }) => named.filter((one) => one === port).length * 2 > named.length);
    if (master === undefined) throw new Error(`the Sentinels do not agree: ${named.join(", ")}`);
    return master;
  }

  async failover(): Promise<WatchedRedis> {
    const before = await this.master();
    const sentinel = this.sentinels.find(({ isPaused }) => !isPaused);
    // Begun again as long as it has not come to anything: a Sentinel gives up when no replica has told it enough of late, as
    // on a busy machine.
    const begin = async () => {
      const named = await sentinel?.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", masterName);
      if (Number((named as string[])[1]) !== before.port) return;
      await sentinel?.command("SENTINEL", "FAILOVER", masterName).catch(() => {});
    };
    return waitUntil(
      async () => {
        await begin();
        const master = await this.master().catch(() => before);
        if (master.port === before.port) return undefined;
        return String(await master.command("ROLE")).startsWith("master") ? master : undefined;
      },
      { what: "another server is the master" },
    ) as Promise<WatchedRedis>;
  }

  async untilWhole(): Promise<void> {
    await waitUntil(
      async () => {
        const master = await this.master();
        // A replica gets no writes before its first acknowledgement, although it is online.
        const replicas = String(await master.command("INFO", "replication")).match(
          /state=online,offset=[1-9]/g,
        )?.length;
        const views = await Promise.all(this.sentinels.map((one) => one.command("SENTINEL", "MASTER", masterName)));
        return (
          replicas === serverCount - 1 &&
          views.every((view) => {
            const fields = view as string[];
            const read = (name: string) => fields[fields.indexOf(name) + 1];
            return (
              read("flags") === "master" &&
              read("num-slaves") === String(serverCount - 1) &&
              read("num-other-sentinels") === String(sentinelCount - 1)
            );
          })
        );
      },
      { what: "the Sentinels know each other, the master and its replicas" },
    );
  }

  async stop(): Promise<void> {
    await Promise.all(this.sentinels.map((sentinel) => sentinel.remove()));
    await Promise.all(this.servers.map((server) => server.stop()));
  }
}
