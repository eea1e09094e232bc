import { beforeAllRecords } from "../directory.ts";

/** How a record came to us. */
export interface Receipt {
  /** When, wall clock, µs. */
  readonly receivedUs: number;
  /** Whether it was not there a moment before. Otherwise it may have been written at any time. */
  readonly isNews: boolean;
}

/** The earliest moment of a record, later than any import. */
const first = beforeAllRecords + 1;
/** How long news may be on its way from the broker to us. */
const transitUs = 20_000;

/**
 * When a record was written, as far as it is known: at its timestamp, if that can be. A record from the future, or without
 * a timestamp, was written at some moment before we received it. In doubt nothing is shown: what hides was written at the
 * last of these moments, what shows at the first. Nothing but the record itself decides about it: the clock of one
 * producer must not reach the relations of others.
 * @param timestampMs the record's, ms since 1970; -1: none
 * @param hides whether it speaks against seeing
 * @returns µs since 1970
 */
export function writtenAt(timestampMs: number, hides: boolean, { receivedUs, isNews }: Receipt): number {
  const atUs = timestampMs * 1_000;
  if (timestampMs > 0 && atUs <= receivedUs) return atUs;
  if (hides) return receivedUs;
  return isNews ? receivedUs - transitUs : first;
}
