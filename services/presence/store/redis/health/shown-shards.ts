const shownMax = 16;

/** Shards in a message: as many as fit on a line. */
export function shownShards(shards: readonly number[]): string {
  const more = shards.length > shownMax ? ` and ${shards.length - shownMax} more` : "";
  return `shard ${shards.slice(0, shownMax).join(", ")}${more}`;
}
