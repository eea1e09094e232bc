/**
 * The shard that a user lives in: FNV-1a (32 bit) over the id's UTF-8, modulo the shard count. Written into every
 * store, so it never changes. Source: https://www.rfc-editor.org/rfc/rfc9923 (FNV)
 * @returns integer in [0, shardCount)
 */
export function shardOf(userId: string, shardCount: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < userId.length; index++) {
    const unit = userId.charCodeAt(index);
    if (unit > 0x7f) return shardOfBytes(Buffer.from(userId), shardCount);
    hash = Math.imul(hash ^ unit, 0x01000193);
  }
  return (hash >>> 0) % shardCount;
}

function shardOfBytes(bytes: Uint8Array, shardCount: number): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0) % shardCount;
}
