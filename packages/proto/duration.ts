import type { Duration } from "./generated/google/protobuf/duration.ts";

export type { Duration };

/** @param ms at least 0 */
export function durationOf(ms: number): Duration {
  return { seconds: Math.floor(ms / 1_000), nanos: Math.floor((ms % 1_000) * 1_000_000) };
}

/** @returns milliseconds, with their fraction */
export function durationMs({ seconds, nanos }: Duration): number {
  return seconds * 1_000 + nanos / 1_000_000;
}
