import type { Clock } from "@realchat/presence-runtime";
import type { DirectoryMetrics } from "./directory.ts";

const kinds = ["visible-to", "may-see", "apply", "state"] as const;

/** Counts the directory's operations and how long they took. */
export class OperationMeter {
  readonly operations: DirectoryMetrics["operations"];
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.operations = Object.fromEntries(kinds.map((kind) => [kind, { count: 0, failed: 0, totalMs: 0 }]));
  }

  /** Runs an operation of that kind and counts it. */
  async measure<T>(kind: (typeof kinds)[number], operation: () => T | Promise<T>): Promise<T> {
    const figures = this.operations[kind] as { count: number; failed: number; totalMs: number };
    const startMs = this.#clock.monotonicMs();
    try {
      return await operation();
    } catch (error) {
      figures.failed += 1;
      throw error;
    } finally {
      figures.count += 1;
      figures.totalMs += this.#clock.monotonicMs() - startMs;
    }
  }
}
