import { list, type RedisClient, RedisError, type Reply, replyBehind } from "@realchat/presence-redis";
import { type ShardKeys, storeKey } from "../keys.ts";

/** What all nodes of a store must agree on; the store has it, and so has each shard. */
export interface StoreMark {
  readonly schema: number;
  readonly shards: number;
}

/** Raised whenever what the keys hold changes its meaning. */
export const schemaVersion = 1;

/** From the first lease on: nodes that know none would drop them, so they must refuse the store. All else is the same. */
export const leasedSchemaVersion = 2;

/** The marks that a server has, by their keys: the store's own, if it has that, and those of its shards. */
type FoundMarks = ReadonlyMap<string, Partial<StoreMark>>;

export async function readMarks(
  client: RedisClient,
  shards: readonly ShardKeys[],
  hasStore: boolean,
): Promise<FoundMarks> {
  const keys = [...(hasStore ? [storeKey] : []), ...shards.map(({ meta }) => meta)];
  return new Map(await Promise.all(keys.map(async (key) => [key, await readMark(client, key)] as const)));
}

/**
 * The first node to come writes the store's mark; all others compare. Shards count as well: they keep theirs when the
 * store's was lost.
 * @throws RedisError REFUSED saying what differs and what to do
 */
export async function checkMarks(client: RedisClient, found: FoundMarks, ours: StoreMark): Promise<void> {
  for (const mark of found.values()) compareMarks({ ...ours, ...mark }, ours);
  const stores = found.get(storeKey);
  if (stores === undefined || (stores.schema !== undefined && stores.shards !== undefined)) return;
  for (const [field, value] of Object.entries(ours)) {
    await onStoreKey(client.sendCommand(["HSETNX", storeKey, field, String(value)]));
  }
  compareMarks({ ...ours, ...(await readMark(client, storeKey)) }, ours);
}

/** Whether it is of our schema, or of that with leases. */
export function isReadable(mark: StoreMark, ours: StoreMark): boolean {
  return mark.schema === ours.schema || mark.schema === leasedSchemaVersion;
}

/** @throws RedisError REFUSED saying what differs and what to do */
export function compareMarks(mark: StoreMark, ours: StoreMark): void {
  if (!isReadable(mark, ours)) {
    throw new RedisError(
      "REFUSED",
      `this Redis holds presence data of schema version ${mark.schema}, this program writes ${ours.schema} or ${leasedSchemaVersion}: ` +
        "run the matching release, or give it another database or an empty Redis",
    );
  }
  if (mark.shards !== ours.shards) {
    throw new RedisError(
      "REFUSED",
      `this Redis holds presence data in ${mark.shards} shards, SHARDS is ${ours.shards}: ` +
        `set SHARDS=${mark.shards}, or give it another database or an empty Redis`,
    );
  }
}

/** @returns what there is of it; nothing of a shard whose key another program wrote: its ticks tell */
async function readMark(client: RedisClient, key: string): Promise<Partial<StoreMark>> {
  let reply: Reply;
  try {
    reply = await client.sendCommand<Reply>(["HMGET", key, "schema", "shards"]);
  } catch (error) {
    if (!replyBehind(error).startsWith("WRONGTYPE")) throw error;
    if (key === storeKey) throw foreignStoreKey(error);
    return {};
  }
  const [schema, shards] = list(reply);
  return { ...(schema !== null && { schema: Number(schema) }), ...(shards !== null && { shards: Number(shards) }) };
}

async function onStoreKey(sent: Promise<unknown>): Promise<void> {
  try {
    await sent;
  } catch (error) {
    throw replyBehind(error).startsWith("WRONGTYPE") ? foreignStoreKey(error) : error;
  }
}

function foreignStoreKey(cause: unknown): RedisError {
  return new RedisError("UNAVAILABLE", `${storeKey} is no hash: somebody else wrote it: delete it`, { cause });
}
