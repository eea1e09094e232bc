import { invariant } from "../../../domain/invariant.ts";
import { Lanes } from "./lanes.ts";

/** Buckets that a TTL is divided into: one holds the sessions that fall due within a thousandth of it. */
const bucketsPerTtl = 1_000;

interface DeadlineWheelOptions {
  /** Column of the sessions' deadlines, ms of shard clock, owned by the table; a later one may be written any time. */
  readonly deadlines: Float64Array;
  readonly ttlMs: number;
  /** Farthest deadline ahead of the last clock that `firstDue` was asked for, ms. */
  readonly horizonMs: number;
}

/**
 * Which session falls due next, without a look at all others.
 *
 * A wheel of buckets, each for a span of the clock. It is lazy: a heartbeat only writes the deadline; when the bucket
 * comes up in which the session was filed, it is filed anew by the deadline that it has by then. So a session is
 * touched once or twice a TTL, however often it is refreshed.
 */
export class DeadlineWheel {
  readonly #deadlines: Float64Array;
  readonly #widthMs: number;
  readonly #buckets: number;
  /** One lane per bucket, and one behind them for due rows, oldest deadline first. */
  readonly #lanes: Lanes;
  readonly #due: number;
  /** All deadlines up to this clock are in the due lane. */
  #siftedMs = 0;

  constructor({ deadlines, ttlMs, horizonMs }: DeadlineWheelOptions) {
    this.#deadlines = deadlines;
    this.#widthMs = Math.max(1, Math.ceil(ttlMs / bucketsPerTtl));
    // One more than the horizon touches, so that what is farthest does not share a bucket with what is nearest.
    this.#buckets = Math.ceil(horizonMs / this.#widthMs) + 2;
    this.#due = this.#buckets;
    this.#lanes = new Lanes(deadlines.length, this.#buckets + 1);
  }

  /** Files a session by its deadline. */
  add(row: number): void {
    const deadlineMs = this.#deadlines[row] as number;
    this.#lanes.append(row, deadlineMs > this.#siftedMs ? this.#bucketOf(deadlineMs) : this.#due);
  }

  /** Forgets a session that was filed. */
  remove(row: number): void {
    this.#lanes.remove(row);
  }

  /**
   * The filed session whose deadline passed first; it stays filed.
   * @param clockMs never lower than before
   * @returns -1 when none is due
   */
  firstDue(clockMs: number): number {
    this.#sift(clockMs);
    for (;;) {
      const row = this.#lanes.first(this.#due);
      if (row === -1 || (this.#deadlines[row] as number) <= clockMs) return row;
      // A heartbeat came while it waited to be taken down.
      this.#lanes.remove(row);
      this.add(row);
    }
  }

  /** Moves rows that are due by now to the due lane. */
  #sift(clockMs: number): void {
    if (clockMs <= this.#siftedMs) return;
    const first = Math.floor(this.#siftedMs / this.#widthMs);
    const last = Math.floor(clockMs / this.#widthMs);
    invariant(last - first < this.#buckets, "the shard clock advances less than a round of the wheel");
    this.#siftedMs = clockMs;
    const rows: number[] = [];
    for (let span = first; span <= last; span++) this.#lanes.takeAll(span % this.#buckets, rows);
    // Sorted together: a session may still be filed in an earlier bucket than its deadline belongs to by now.
    rows.sort((a, b) => (this.#deadlines[a] as number) - (this.#deadlines[b] as number));
    // Who is due goes to the due lane, all others to the bucket of their deadline: the one they were in perhaps.
    for (const row of rows) this.add(row);
  }

  #bucketOf(deadlineMs: number): number {
    return Math.floor(deadlineMs / this.#widthMs) % this.#buckets;
  }
}
