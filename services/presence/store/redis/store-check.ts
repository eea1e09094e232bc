import { checkServer, list, type RedisClient, RedisError, type Reply } from "@realchat/presence-redis";
import { storeKey } from "./keys.ts";

/** Raised whenever what the keys hold changes its meaning. */
const schemaVersion = 1;

/**
 * Checks that a server is ours to use, and leaves our mark in an empty one.
 * @returns what to call the server, such as `Redis 7.4.1`
 * @throws RedisError REFUSED saying what differs and what to do; UNAVAILABLE when it may be ours later
 */
export async function checkStore(client: RedisClient, shardCount: number): Promise<string> {
  const server = await checkServer(client);
  await checkMark(client, { schema: schemaVersion, shards: shardCount });
  return server;
}

/** The first node to come writes the mark; all others compare. */
async function checkMark(client: RedisClient, ours: { schema: number; shards: number }): Promise<void> {
  for (const [field, value] of Object.entries(ours)) {
    await client.sendCommand(["HSETNX", storeKey, field, String(value)]);
  }
  const reply = await client.sendCommand<Reply>(["HMGET", storeKey, "schema", "shards"]);
  const [schema, shards] = list(reply).map(Number) as [number, number];
  if (schema !== ours.schema) {
    throw new RedisError(
      "REFUSED",
      `this Redis holds presence data of schema version ${schema}, this program writes ${ours.schema}: ` +
        "run the matching release, or give it another database or an empty Redis",
    );
  }
  if (shards !== ours.shards) {
    throw new RedisError(
      "REFUSED",
      `this Redis holds presence data in ${shards} shards, SHARDS is ${ours.shards}: ` +
        `set SHARDS=${shards}, or give it another database or an empty Redis`,
    );
  }
}
