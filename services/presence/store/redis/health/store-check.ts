import { checkServer, type EvictionWatch, type RedisClient } from "@realchat/presence-redis";
import type { ShardKeys } from "../keys.ts";
import { checkMarks, readMarks, type StoreMark } from "./store-mark.ts";

/**
 * Checks that a server is ours to use, and leaves our mark in an empty one.
 * @param shards those that it has
 * @param storeKey of the store's own mark; undefined: another server has it
 * @returns what to call the server, such as `Redis 7.4.1`
 * @throws RedisError REFUSED saying what differs and what to do; UNAVAILABLE when it may be ours later
 */
export async function checkStore(
  client: RedisClient,
  mark: StoreMark,
  shards: readonly ShardKeys[],
  storeKey: string | undefined,
  eviction: EvictionWatch,
): Promise<string> {
  // Asked together, in one round trip; what is wrong with the server itself is told first.
  const serverAsked = checkServer(client, eviction);
  const marks = readMarks(client, shards, storeKey);
  marks.catch(() => {});
  const server = await serverAsked;
  await checkMarks(client, await marks, mark);
  return server;
}
