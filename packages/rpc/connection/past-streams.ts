import { ArrivalSet } from "@realchat/presence-runtime/arrival-set";

const resetsMax = 1_000;
const skippedMax = 100;

/**
 * What has to be known of closed streams, to answer late frames as RFC 9113 §5.1 asks: a stream that we reset is still
 * written to by a peer that does not know it yet, and one that was skipped was never open.
 */
export class PastStreams {
  #next = 1;
  #resetByUs: ArrivalSet<number> | undefined;
  #skipped: ArrivalSet<number> | undefined;

  /** The highest id that the peer has opened, 0 for none. */
  get last(): number {
    return Math.max(0, this.#next - 2);
  }

  /** @param id higher than `last` */
  opened(id: number): void {
    for (let skipped = Math.max(this.#next, id - 2 * skippedMax); skipped < id; skipped += 2) {
      this.#skipped = remember(this.#skipped, skipped, skippedMax);
    }
    this.#next = id + 2;
  }

  resetByUs(id: number): void {
    this.#resetByUs = remember(this.#resetByUs, id, resetsMax);
  }

  wasResetByUs(id: number): boolean {
    return this.#resetByUs?.has(id) ?? false;
  }

  wasSkipped(id: number): boolean {
    return this.#skipped?.has(id) ?? false;
  }
}

/** Adds the id; the oldest one goes when there are too many. */
function remember(ids: ArrivalSet<number> | undefined, id: number, max: number): ArrivalSet<number> {
  const known = ids ?? new ArrivalSet<number>();
  known.add(id);
  if (known.size > max) known.delete(known.first as number);
  return known;
}
