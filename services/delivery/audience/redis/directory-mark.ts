import { checkServer, type EvictionWatch, type RedisClient, RedisError } from "@realchat/presence-redis";

/** Raised whenever the meaning of the keys changes. */
const schemaVersion = "1";

/**
 * Checks that the server's data have our schema version, and marks an empty server with it.
 * @param markKey see DirectoryKeys
 * @param newGeneration name of the data if there are none yet
 * @throws RedisError
 */
export async function markDirectory(
  client: RedisClient,
  markKey: string,
  newGeneration: string,
  eviction: Pick<EvictionWatch, "check">,
): Promise<{ server: string; generation: string }> {
  const server = await checkServer(client, eviction);
  await client.sendCommand(["HSETNX", markKey, "schema", schemaVersion]);
  await client.sendCommand(["HSETNX", markKey, "generation", newGeneration]);
  const reply = await client.sendCommand(["HMGET", markKey, "schema", "generation"]);
  const [schema, generation] = (reply as unknown as (string | null)[]).map(String) as [string, string];
  if (schema !== schemaVersion) {
    throw new RedisError(
      "REFUSED",
      `this Redis holds audience data of schema version ${schema}, this program writes ${schemaVersion}: ` +
        "run the matching release, or give it another database or an empty Redis",
    );
  }
  return { server, generation };
}
