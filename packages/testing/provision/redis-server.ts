import { isExecutable, onPath, runCommand } from "./command.ts";
import { debianPackages, librariesIn } from "./debian.ts";
import { dockerHas } from "./docker.ts";
import { handedOver } from "./hand-over.ts";
import { MissingServerError } from "./missing-server.ts";
import { type Progress, toStandardError } from "./progress.ts";

export const redisImage = "redis:7.4-alpine";
const OLDEST = 7;

/** A program on this machine and what it needs in its environment, or a container of `redisImage`. */
export type RedisServer = { kind: "program"; path: string; env: NodeJS.ProcessEnv } | { kind: "container" };

/**
 * Finds a redis-server: REDIS_SERVER (a path), PATH, the package manager, Docker.
 * @throws MissingServerError naming the command that would help
 */
export async function provideRedis(say: Progress = toStandardError): Promise<RedisServer> {
  const known = handedOver<RedisServer>("redis");
  if (known !== undefined) return known;
  const named = process.env.REDIS_SERVER;
  if (named !== undefined) {
    if (await isRecent(named)) return { kind: "program", path: named, env: {} };
    throw new MissingServerError("Redis", `REDIS_SERVER=${named} is not a redis-server ${OLDEST} or newer`);
  }
  for (const name of ["redis-server", "valkey-server"]) {
    const path = onPath(name);
    if (path !== undefined && (await isRecent(path))) return { kind: "program", path, env: {} };
  }
  const root = await debianPackages(["redis-server"], say);
  if (root !== undefined) {
    const path = `${root}/usr/bin/redis-server`;
    const env = librariesIn(root);
    if (await isRecent(path, env)) return { kind: "program", path, env };
  }
  if (await dockerHas(redisImage, say)) return { kind: "container" };
  throw new MissingServerError(
    "Redis",
    `PATH has no redis-server ${OLDEST} or newer, the package manager gave none and no Docker engine answers`,
  );
}

/** Redis and Valkey both answer `--version` with `… v=7.0.15 …`. */
async function isRecent(path: string, env: NodeJS.ProcessEnv = {}): Promise<boolean> {
  if (!isExecutable(path)) return false;
  const { output } = await runCommand(path, ["--version"], { env, timeoutMs: 60_000 });
  return Number(/v=(\d+)/.exec(output)?.[1] ?? 0) >= OLDEST;
}
