import type { Clock } from "./clock.ts";

/** How often a kind of operation was asked for, how often it failed, and the time that all took together. */
export interface OperationMetrics {
  readonly count: number;
  readonly failed: number;
  readonly totalMs: number;
}

/** Counts operations of a few kinds and how long they took. */
export class OperationMeter<Kind extends string> {
  readonly operations: Readonly<Record<Kind, OperationMetrics>>;
  readonly #clock: Clock;

  constructor(kinds: readonly Kind[], clock: Clock) {
    this.#clock = clock;
    const zeros = kinds.map((kind) => [kind, { count: 0, failed: 0, totalMs: 0 }]);
    this.operations = Object.fromEntries(zeros);
  }

  /** Runs an operation of that kind and counts it. */
  async measure<T>(kind: Kind, operation: () => T | Promise<T>): Promise<T> {
    const metrics = this.operations[kind] as { -readonly [Name in keyof OperationMetrics]: number };
    const startMs = this.#clock.monotonicMs();
    try {
      return await operation();
    } catch (error) {
      metrics.failed += 1;
      throw error;
    } finally {
      metrics.count += 1;
      metrics.totalMs += this.#clock.monotonicMs() - startMs;
    }
  }
}
