/** How long the mark of one partition waits for those of the others, ms. */
const patienceMs = 30_000;

interface Mark {
  readonly begin: number;
  readonly sinceMs: number;
  readonly partitions: Set<number>;
  isTold: boolean;
}

/**
 * A reset is written to every partition, after all who were restated in it. Only when it was read from each of them have
 * all restatements of the shard been read, and only then may be concluded that who is below it is offline.
 */
export class ResetMarks {
  /** The latest of each shard. */
  readonly #marks = new Map<number, Mark>();

  /** @returns whether the reset has now been read from every partition; once for each */
  read(partition: number, shard: number, begin: number, partitions: number, nowMs: number): boolean {
    const known = this.#marks.get(shard);
    if (known !== undefined && begin < known.begin) return false;
    const mark =
      known?.begin === begin ? known : { begin, sinceMs: nowMs, partitions: new Set<number>(), isTold: false };
    this.#marks.set(shard, mark);
    mark.partitions.add(partition);
    if (mark.isTold || mark.partitions.size < partitions) return false;
    mark.isTold = true;
    return true;
  }

  /** @returns a shard whose reset never came from some partition, such as one that was created meanwhile; once for each */
  takeOverdue(nowMs: number): number | undefined {
    for (const [shard, mark] of this.#marks) {
      if (mark.isTold || nowMs - mark.sinceMs < patienceMs) continue;
      mark.isTold = true;
      return shard;
    }
    return undefined;
  }
}
