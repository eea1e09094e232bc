import type { Clock } from "@realchat/presence-runtime";
import type { StoreMetrics } from "../store.ts";

/** What is counted; `refresh` counts batches, `heartbeat` those that a batch could not answer. */
const kinds = ["register", "unregister", "refresh", "heartbeat", "users", "tick", "log", "lease", "publish"] as const;

export type OperationKind = (typeof kinds)[number];

/** Counts operations and how long they took. */
export class OperationMeter {
  readonly #clock: Clock;
  readonly operations: StoreMetrics["operations"];

  constructor(clock: Clock) {
    this.#clock = clock;
    this.operations = Object.fromEntries(kinds.map((kind) => [kind, { count: 0, failed: 0, totalMs: 0 }]));
  }

  /** Runs an operation of that kind and counts it. */
  async measure<T>(kind: OperationKind, operation: () => Promise<T>): Promise<T> {
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
