import type { RedisClient } from "./connection.ts";
import { RedisError } from "./redis-error.ts";

/**
 * Checks that a server can keep what may not be lost.
 * @param eviction hears of its `maxmemory-policy`
 * @returns what to call the server, such as `Redis 7.4.1`
 * @throws RedisError REFUSED saying what is wrong and what to do; UNAVAILABLE when it may be right later
 */
export async function checkServer(
  client: RedisClient,
  eviction?: { check(server: string, policy: string): void },
): Promise<string> {
  const info = parseInfo(String(await client.sendCommand(["INFO"])));
  const version = info.get("redis_version") ?? "unknown";
  const name = info.has("valkey_version") ? `Valkey ${info.get("valkey_version")}` : `Redis ${version}`;
  if (!(Number.parseInt(version, 10) >= 7)) {
    throw new RedisError("REFUSED", `${name} is too old: Redis 7 or Valkey is needed, for script flags`);
  }
  eviction?.check(name, info.get("maxmemory_policy") ?? "noeviction");
  if (info.get("role") !== "master") {
    throw new RedisError(
      "UNAVAILABLE",
      `${name} is a replica: point REDIS_URL at its master, or wait for Sentinel to promote it`,
    );
  }
  return name;
}

/** The `maxmemory-policy` of the server that gave this INFO: CONFIG is forbidden in many places. */
export function policyIn(info: string): string {
  return parseInfo(info).get("maxmemory_policy") ?? "noeviction";
}

/** A name that a server has from its start to its end. */
export async function runIdOf(client: RedisClient): Promise<string> {
  return parseInfo(String(await client.sendCommand(["INFO", "server"]))).get("run_id") ?? "unknown";
}

/** https://redis.io/docs/latest/commands/info/: lines of `name:value`. */
function parseInfo(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split("\r\n").map((line): [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1)];
    }),
  );
}
