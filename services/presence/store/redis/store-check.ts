import { invariant } from "../../domain/invariant.ts";
import { StoreRefusal } from "../store.ts";
import type { RedisClient } from "./connection.ts";
import { storeKey } from "./keys.ts";

/** Raised whenever what the keys hold changes its meaning. */
export const schemaVersion = 1;

/**
 * Checks that a server is ours to use, and leaves our mark in an empty one.
 * @returns what to call the server, such as `Redis 7.4.1`
 * @throws StoreRefusal saying what differs and what to do
 * @throws Error when it may be ours later
 */
export async function checkStore(client: RedisClient, shardCount: number): Promise<string> {
  const info = parseInfo(String(await client.sendCommand(["INFO"])));
  const version = info.get("redis_version") ?? "unknown";
  const name = info.has("valkey_version") ? `Valkey ${info.get("valkey_version")}` : `Redis ${version}`;
  if (!(Number.parseInt(version, 10) >= 7)) {
    throw new StoreRefusal(
      `${name} is too old: presence needs Redis 7 or Valkey, for script flags and sharded pub/sub`,
    );
  }
  const policy = info.get("maxmemory_policy") ?? "noeviction";
  if (info.get("maxmemory") !== "0" && policy.startsWith("allkeys")) {
    throw new StoreRefusal(
      `${name} evicts live sessions when memory runs out (maxmemory-policy ${policy}): set it to noeviction`,
    );
  }
  if (info.get("role") !== "master") throw new Error(`${name} is a replica: point REDIS_URL at its master`);
  await checkMark(client, { schema: schemaVersion, shards: shardCount });
  return name;
}

/** The first node to come writes the mark; all others compare. */
async function checkMark(client: RedisClient, ours: { schema: number; shards: number }): Promise<void> {
  for (const [field, value] of Object.entries(ours)) {
    await client.sendCommand(["HSETNX", storeKey, field, String(value)]);
  }
  const reply = await client.sendCommand(["HMGET", storeKey, "schema", "shards"]);
  invariant(Array.isArray(reply), "HMGET replies an array");
  const [schema, shards] = reply.map(Number) as [number, number];
  if (schema !== ours.schema) {
    throw new StoreRefusal(
      `this Redis holds presence data of schema version ${schema}, this program writes ${ours.schema}: ` +
        "run the matching release, or give it another database or an empty Redis",
    );
  }
  if (shards !== ours.shards) {
    throw new StoreRefusal(
      `this Redis holds presence data in ${shards} shards, SHARDS is ${ours.shards}: ` +
        `set SHARDS=${shards}, or give it another database or an empty Redis`,
    );
  }
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
