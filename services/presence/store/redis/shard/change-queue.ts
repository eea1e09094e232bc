import { PresenceError } from "../../../domain/presence-error.ts";
import type { Change } from "../lua/change/change.ts";

/**
 * Has a shard decide about changes, one after the other.
 * @param changes at most `batchMaxChanges`
 * @returns an answer each, or why there is none
 */
type DecideChanges = (changes: readonly Change[]) => Promise<readonly (string | Error)[]>;

/**
 * Changes of one call at most. Redis answers no other command meanwhile, for about half a millisecond. They fit
 * into the 16 KiB that it reads at once.
 */
export const batchMaxChanges = 64;

/** What waits or is under way, of all queues that share it. */
export interface PendingChanges {
  readonly count: { used: number; readonly limit: number };
  readonly bytes: { used: number; readonly limit: number };
}

/** One for all: at that moment there is no time for stack traces. */
const overloaded = new PresenceError(
  "RESOURCE_EXHAUSTED",
  "too many registrations and their ends wait for Redis: send fewer at once, or add presence nodes",
  { retryAfterMs: 1_000 },
);

/**
 * The changes of one shard, in order: one batch is under way, and whatever arrives meanwhile is the next. Under load
 * batches grow by themselves; at rest a change is sent at once.
 */
export class ChangeQueue {
  readonly #decide: DecideChanges;
  readonly #pending: PendingChanges;
  readonly #batches: Batch[] = [];
  #isRunning = false;

  constructor(decide: DecideChanges, pending: PendingChanges) {
    this.#decide = decide;
    this.#pending = pending;
  }

  /** @throws PresenceError RESOURCE_EXHAUSTED when too many wait; and why Redis did not answer */
  add(change: Change): Promise<string> {
    const { count, bytes } = this.#pending;
    if (count.used >= count.limit || bytes.used >= bytes.limit) return Promise.reject(overloaded);
    let batch = this.#batches.at(-1);
    if (batch === undefined || batch.changes.length === batchMaxChanges) {
      batch = new Batch();
      this.#batches.push(batch);
    }
    const size = bytesOf(change);
    count.used += 1;
    bytes.used += size;
    const answer = batch.add(change, size);
    if (!this.#isRunning) {
      this.#isRunning = true;
      queueMicrotask(() => this.#run());
    }
    return answer;
  }

  async #run(): Promise<void> {
    for (let batch = this.#batches.shift(); batch !== undefined; batch = this.#batches.shift()) {
      try {
        batch.answer(await this.#decide(batch.changes));
      } catch (error) {
        batch.fail(error as Error);
      }
      this.#pending.count.used -= batch.changes.length;
      this.#pending.bytes.used -= batch.bytes;
    }
    this.#isRunning = false;
  }
}

class Batch {
  readonly changes: Change[] = [];
  readonly #callers: { resolve(answer: string): void; reject(error: Error): void }[] = [];
  bytes = 0;

  add(change: Change, bytes: number): Promise<string> {
    this.changes.push(change);
    this.bytes += bytes;
    return new Promise((resolve, reject) => {
      this.#callers.push({ resolve, reject });
    });
  }

  answer(answers: readonly (string | Error)[]): void {
    for (const [index, { resolve, reject }] of this.#callers.entries()) {
      const answer = answers[index] as string | Error;
      if (typeof answer === "string") resolve(answer);
      else reject(answer);
    }
  }

  fail(error: Error): void {
    for (const { reject } of this.#callers) reject(error);
  }
}

function bytesOf(change: Change): number {
  let bytes = 0;
  for (const field of change) bytes += Buffer.byteLength(field ?? "");
  return bytes;
}
