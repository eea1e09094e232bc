const seed = 0x9747b28c;
const multiplier = 0x5bd1e995;

/**
 * The hash by which Kafka's Java client spreads keys over partitions: whoever produces the same key with that client
 * hits the same partition. (`defaultPartitioner` of @platformatic/kafka 2.12 keeps the sign bit and does not.)
 * Source: org.apache.kafka.common.utils.Utils.murmur2
 * @returns signed 32-bit integer
 */
export function murmur2(key: Buffer): number {
  const tailLength = key.length % 4;
  const tailStart = key.length - tailLength;
  let hash = seed ^ key.length;
  for (let offset = 0; offset < tailStart; offset += 4) {
    let word = Math.imul(key.readInt32LE(offset), multiplier);
    word = Math.imul(word ^ (word >>> 24), multiplier);
    hash = Math.imul(hash, multiplier) ^ word;
  }
  if (tailLength > 0) hash = Math.imul(hash ^ key.readUIntLE(tailStart, tailLength), multiplier);
  hash = Math.imul(hash ^ (hash >>> 13), multiplier);
  return hash ^ (hash >>> 15);
}

/** The hash without its sign, which modulo the partition count is the partition. Source: Utils.toPositive */
export function partitionHash(key: Buffer): number {
  return murmur2(key) & 0x7fffffff;
}
