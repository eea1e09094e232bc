import { type Clock, OperationMeter, type OperationMetrics } from "@realchat/presence-runtime";
import type { Troubles } from "./troubles.ts";

/**
 * What is counted; `refresh` and `verify` count batches of heartbeats, `heartbeat` those that a batch could not answer, `change`
 * batches of `register`, `unregister`, `close`, `status`, `activity` and `heartbeat`.
 */
const operationKinds = [
  "register",
  "unregister",
  "close",
  "status",
  "activity",
  "change",
  "refresh",
  "verify",
  "heartbeat",
  "users",
  "list",
  "tick",
  "mend",
  "log",
  "lease",
  "publish",
  "restate",
] as const;
type OperationKind = (typeof operationKinds)[number];

/** Counts what is asked of Redis, and notes what Redis refuses. */
export class Operations {
  readonly #meter: OperationMeter<OperationKind>;
  readonly #troubles: Troubles;

  constructor(troubles: Troubles, clock: Clock) {
    this.#meter = new OperationMeter(operationKinds, clock);
    this.#troubles = troubles;
  }

  get figures(): Readonly<Record<OperationKind, OperationMetrics>> {
    return this.#meter.operations;
  }

  /** Counts an operation. */
  count<T>(kind: OperationKind, operation: () => T | Promise<T>): Promise<T> {
    return this.#meter.measure(kind, operation);
  }

  /** Counts an operation, and notes when the server refuses it to every caller. */
  async run<T>(kind: OperationKind, operation: () => T | Promise<T>): Promise<T> {
    try {
      const result = await this.#meter.measure(kind, operation);
      this.#troubles.worked(kind);
      return result;
    } catch (error) {
      this.#troubles.refused(kind, error);
      throw error;
    }
  }
}
