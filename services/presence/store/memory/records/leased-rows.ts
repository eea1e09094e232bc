/**
 * The rows of the sessions under each lease. Their own deadlines are long, and only a lease that is lost, or looked into, has
 * to know which is the first: then all are put in order, once for as long as none comes and none of the first is pushed on.
 */
export class LeasedRows {
  readonly #deadlines: Float64Array;
  readonly #leases = new Map<string, LeaseRows>();
  #size = 0;

  /** @param deadlines column of the rows' own deadlines */
  constructor(deadlines: Float64Array) {
    this.#deadlines = deadlines;
  }

  get size(): number {
    return this.#size;
  }

  sizeOf(leaseId: string): number {
    return this.#leases.get(leaseId)?.rows.size ?? 0;
  }

  add(leaseId: string, row: number): void {
    const lease = this.#leases.get(leaseId) ?? { rows: new Set(), last: undefined };
    lease.rows.add(row);
    lease.last = undefined;
    this.#leases.set(leaseId, lease);
    this.#size += 1;
  }

  remove(leaseId: string, row: number): void {
    const lease = this.#leases.get(leaseId);
    if (lease?.rows.delete(row) !== true) return;
    if (lease.rows.size === 0) this.#leases.delete(leaseId);
    this.#size -= 1;
  }

  /** The row whose deadline is the first; undefined when the lease has none. */
  first(leaseId: string): number | undefined {
    const lease = this.#leases.get(leaseId);
    if (lease === undefined) return undefined;
    for (;;) {
      lease.last ??= this.#inOrder(lease.rows);
      const next = lease.last.at(-1);
      if (next !== undefined && lease.rows.has(next.row) && this.#deadlines[next.row] === next.deadlineMs) {
        return next.row;
      }
      // One that left goes; one that was pushed on since has another place.
      if (next !== undefined && !lease.rows.has(next.row)) lease.last.pop();
      else lease.last = undefined;
    }
  }

  /** The first one last. */
  #inOrder(rows: ReadonlySet<number>): Place[] {
    const places = Array.from(rows, (row) => ({ row, deadlineMs: this.#deadlines[row] as number }));
    return places.sort((a, b) => b.deadlineMs - a.deadlineMs);
  }
}

interface LeaseRows {
  readonly rows: Set<number>;
  /** undefined: not in order. */
  last: Place[] | undefined;
}

interface Place {
  readonly row: number;
  readonly deadlineMs: number;
}
