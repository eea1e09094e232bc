import { beforeAllRecords } from "../directory.ts";

/** A timestamp beyond it (2096) is none; what is derived from it stays a safe integer. */
const timestampMaxMs = 4e12;

/**
 * When a record's change happened. Within a source it is later than the record before, whatever the producers' clocks
 * say, since there Kafka's order is the truth; between sources their timestamps are all there is.
 * @param timestampMs the record's; -1: none
 * @param previousAt of the record before in the source; undefined: there is none
 * @returns µs since 1970, later than any import
 */
export function atOf(timestampMs: number, previousAt: number | undefined): number {
  return Math.max(Math.min(timestampMs, timestampMaxMs) * 1_000, (previousAt ?? beforeAllRecords) + 1);
}
