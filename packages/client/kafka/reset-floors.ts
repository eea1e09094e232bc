/** How long the reset of one partition waits for those of the others, ms. */
const patienceMs = 30_000;
/** The most shards that presence can have; beyond, the one whose begin is lowest is forgotten. */
const shardsMax = 1_024;

/** The last reset of a shard that was read from a partition. */
export interface ResetFloor {
  readonly shard: number;
  readonly partition: number;
  readonly begin: number;
}

interface Shard {
  /** By partition: the begin of its last reset. */
  readonly begins: number[];
  /** The highest of them, and since when it was read, monotonic ms. */
  highest: number;
  sinceMs: number;
  isOverdue: boolean;
}

/**
 * Below which version nothing that was said of a user holds any more, since all who are online have been restated above
 * it. A reset comes in order with the events of its own partition and of no other, so there is a floor for each shard and
 * partition. It stays: a publisher that stood still may write later what it had read before the loss.
 */
export class ResetFloors {
  readonly #shards = new Map<number, Shard>();

  /** Floors that are held. */
  get size(): number {
    let size = 0;
    for (const { begins } of this.#shards.values()) size += begins.length;
    return size;
  }

  /** One for each shard and partition that has been reset. */
  get all(): ResetFloor[] {
    return [...this.#shards].flatMap(([shard, { begins }]) =>
      begins.flatMap((begin, partition) => (begin > 0 ? [{ shard, partition, begin }] : [])),
    );
  }

  /** @returns 0: there was no reset */
  of(shard: number, partition: number): number {
    return this.#shards.get(shard)?.begins[partition] ?? 0;
  }

  /** The floor of users of whom no partition is known: all have reached it. */
  everywhere(shard: number, partitions: number): number {
    let lowest = Number.POSITIVE_INFINITY;
    for (let partition = 0; partition < partitions; partition++) lowest = Math.min(lowest, this.of(shard, partition));
    return partitions === 0 ? 0 : lowest;
  }

  /** @returns whether it is news: not a repetition, nor older than the last one */
  read(partition: number, shardId: number, begin: number, nowMs: number): boolean {
    if (begin <= this.of(shardId, partition)) return false;
    const shard = this.#shards.get(shardId) ?? this.#add(shardId);
    for (let each = shard.begins.length; each < partition; each++) shard.begins.push(0);
    shard.begins[partition] = begin;
    if (begin > shard.highest) {
      shard.highest = begin;
      shard.sinceMs = nowMs;
      shard.isOverdue = false;
    }
    return true;
  }

  /**
   * @returns a shard whose reset never came from some partition, such as one that was created meanwhile, or whose reset was
   * written before this feed began; once for each reset
   */
  takeOverdue(partitions: number, nowMs: number): number | undefined {
    for (const [id, shard] of this.#shards) {
      if (shard.isOverdue || nowMs - shard.sinceMs < patienceMs) continue;
      // Also when it is complete: once is enough to look.
      shard.isOverdue = true;
      if (this.everywhere(id, partitions) < shard.highest) return id;
    }
    return undefined;
  }

  #add(id: number): Shard {
    if (this.#shards.size >= shardsMax) this.#forgetLowest();
    const shard: Shard = { begins: [], highest: 0, sinceMs: 0, isOverdue: false };
    this.#shards.set(id, shard);
    return shard;
  }

  /** What was written before its begin is the least likely to come. */
  #forgetLowest(): void {
    let lowest: readonly [number, Shard] | undefined;
    for (const entry of this.#shards) if (lowest === undefined || entry[1].highest < lowest[1].highest) lowest = entry;
    if (lowest !== undefined) this.#shards.delete(lowest[0]);
  }
}
