import type { OrderClock } from "./order-clock.ts";

/** The moment of a decision, read once. */
export interface Moment {
  /** Wall clock of the store, µs since 1970. */
  readonly nowUs: number;
  /** Shard clock, ms. */
  readonly clockMs: number;
  /** What orders are read from. */
  readonly orders: OrderClock;
  /** Orders and versions begin above this; 0 unless the shard began anew after a loss. */
  readonly beginUs: number;
  /** Shard clock, ms, when it did; undefined unless that was after a loss. */
  readonly beginClockMs: number | undefined;
}

/** Wall clock of the store, ms. */
export function nowMs({ nowUs }: Moment): number {
  return Math.floor(nowUs / 1000);
}
