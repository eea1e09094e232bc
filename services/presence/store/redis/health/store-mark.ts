import { list, type RedisClient, RedisError, type Reply, replyBehind } from "@realchat/presence-redis";
import type { ShardKeys } from "../keys.ts";

/** What all nodes of a store must agree on; the store has it, and so has each shard. */
export interface StoreMark {
  readonly schema: number;
  readonly shards: number;
}

/** Raised whenever what the keys hold changes its meaning. */
export const schemaVersion = 1;

/** From the first lease on: nodes that know none would drop them, so they must refuse the store. All else is the same. */
export const leasedSchemaVersion = 2;

/** From the first claim or activity on: nodes that know none cannot read such records. It has that of leases in it. */
export const statusSchemaVersion = 3;

/** The marks that a server has: the store's own, if it has that, and those of its shards. */
interface FoundMarks {
  readonly store: { readonly key: string; readonly mark: Partial<StoreMark> } | undefined;
  readonly shards: readonly Partial<StoreMark>[];
}

/** @param storeKey undefined: the server does not have the store's own mark */
export async function readMarks(
  client: RedisClient,
  shards: readonly ShardKeys[],
  storeKey: string | undefined,
): Promise<FoundMarks> {
  const [mark, ...ofShards] = await Promise.all([
    storeKey === undefined ? {} : onStoreKey(storeKey, readMark(client, storeKey)),
    ...shards.map(({ meta }) => readShardMark(client, meta)),
  ]);
  return { store: storeKey === undefined ? undefined : { key: storeKey, mark }, shards: ofShards };
}

/**
 * The first node to come writes the store's mark; all others compare. Shards count as well: they keep theirs when the
 * store's was lost.
 * @throws RedisError REFUSED saying what differs and what to do
 */
export async function checkMarks(client: RedisClient, { store, shards }: FoundMarks, ours: StoreMark): Promise<void> {
  for (const mark of [store?.mark, ...shards]) compareMarks({ ...ours, ...mark }, ours);
  if (store === undefined || (store.mark.schema !== undefined && store.mark.shards !== undefined)) return;
  for (const [field, value] of Object.entries(ours)) {
    await onStoreKey(store.key, client.sendCommand(["HSETNX", store.key, field, String(value)]));
  }
  compareMarks({ ...ours, ...(await onStoreKey(store.key, readMark(client, store.key))) }, ours);
}

/** Whether it is of our schema, or of that with leases, or with statuses. */
export function isReadable(mark: StoreMark, ours: StoreMark): boolean {
  return [ours.schema, leasedSchemaVersion, statusSchemaVersion].includes(mark.schema);
}

/** @throws RedisError REFUSED saying what differs and what to do */
export function compareMarks(mark: StoreMark, ours: StoreMark): void {
  if (!isReadable(mark, ours)) {
    throw new RedisError(
      "REFUSED",
      `this Redis holds presence data of schema version ${mark.schema}, this program writes ${ours.schema} to ${statusSchemaVersion}: ` +
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

/** @returns what there is of it */
async function readMark(client: RedisClient, key: string): Promise<Partial<StoreMark>> {
  const [schema, shards] = list(await client.sendCommand<Reply>(["HMGET", key, "schema", "shards"]));
  return { ...(schema !== null && { schema: Number(schema) }), ...(shards !== null && { shards: Number(shards) }) };
}

/** @returns what there is of it; nothing where another program wrote the key: the shard's ticks tell */
async function readShardMark(client: RedisClient, key: string): Promise<Partial<StoreMark>> {
  try {
    return await readMark(client, key);
  } catch (error) {
    if (!replyBehind(error).startsWith("WRONGTYPE")) throw error;
    return {};
  }
}

async function onStoreKey<T>(key: string, sent: Promise<T>): Promise<T> {
  try {
    return await sent;
  } catch (cause) {
    if (!replyBehind(cause).startsWith("WRONGTYPE")) throw cause;
    throw new RedisError("UNAVAILABLE", `${key} is no hash: somebody else wrote it: delete it`, { cause });
  }
}
