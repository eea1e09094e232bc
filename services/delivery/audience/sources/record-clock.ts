import { beforeAllRecords } from "../directory.ts";

/** How a record was received. */
export interface Receipt {
  /** When, wall clock, µs. */
  readonly receivedUs: number;
  /** Whether it was written since the last fetch. Otherwise it may have been written at any time. */
  readonly isFresh: boolean;
}

/** The earliest time of a record; later than any import. */
const first = beforeAllRecords + 1;
/** How long a fresh record may take from the broker to this gateway. */
const transitUs = 20_000;

/**
 * When a record was written: at its timestamp, if that is plausible. A record from the future, or without a timestamp,
 * was written at an unknown time before it was received. Then the safe end counts: a record that hides was written at
 * the last possible time, one that shows at the first. Only the record itself decides: a producer's wrong clock must
 * not affect the relations of others.
 * @param timestampMs the record's, ms since 1970; -1: none
 * @param hides whether the change can only hide users
 * @returns µs since 1970
 */
export function writtenAt(timestampMs: number, hides: boolean, { receivedUs, isFresh }: Receipt): number {
  const atUs = timestampMs * 1_000;
  if (timestampMs > 0 && atUs <= receivedUs) return atUs;
  if (hides) return receivedUs;
  return isFresh ? receivedUs - transitUs : first;
}
