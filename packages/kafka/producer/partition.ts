/**
 * The partition where Kafka's Java client puts a key: whoever produces for a user, the user's records stay in one.
 * Source: BuiltInPartitioner.partitionForKey
 */
export function partitionOf(key: Buffer, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}

/** Source: org.apache.kafka.common.utils.Utils.murmur2 */
function murmur2(bytes: Buffer): number {
  const multiplier = 0x5bd1e995;
  const { length } = bytes;
  const whole = length - (length % 4);
  let hash = 0x9747b28c ^ length;
  for (let at = 0; at < whole; at += 4) {
    let word = Math.imul(bytes.readInt32LE(at), multiplier);
    word = Math.imul(word ^ (word >>> 24), multiplier);
    hash = Math.imul(hash, multiplier) ^ word;
  }
  if (length > whole) hash = Math.imul(hash ^ bytes.readUIntLE(whole, length - whole), multiplier);
  hash = Math.imul(hash ^ (hash >>> 13), multiplier);
  return hash ^ (hash >>> 15);
}
