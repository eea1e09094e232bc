import type { LogBounds } from "./topic-source.ts";

/** Whether reading may go on there: the record exists, or is the next one to be written. */
export function isWithin({ start, highWatermark }: LogBounds, position: bigint): boolean {
  return position >= start && position <= highWatermark;
}

/** The position within the log that is closest. */
export function nearestWithin({ start, highWatermark }: LogBounds, position: bigint): bigint {
  if (position < start) return start;
  return position > highWatermark ? highWatermark : position;
}

/** Whether everything is read that had been written when the bounds were asked. @param position of the next record */
export function isPastHistory({ highWatermark }: LogBounds, position: bigint): boolean {
  return position >= highWatermark;
}
