/** Users that are looked up together, and the requests that wait for the answer. */
export interface Batch {
  readonly userIds: string[];
  readonly requests: Set<LookupRequest>;
}

/** A request for the states of some users; they may be in several batches. */
export class LookupRequest {
  /** Resolves when all answers were applied, or the request was cancelled; never rejects. */
  readonly done: Promise<void>;
  readonly #resolve: () => void;
  readonly #batches: Set<Batch>;
  readonly #onAbandoned: (batch: Batch) => void;

  /** @param onAbandoned called with each batch that no request waits for any more */
  constructor(batches: Set<Batch>, onAbandoned: (batch: Batch) => void) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.done = promise;
    this.#resolve = resolve;
    this.#batches = batches;
    this.#onAbandoned = onAbandoned;
    for (const { requests } of batches) requests.add(this);
    if (batches.size === 0) resolve();
  }

  /** The answer for this batch was applied. */
  answered(batch: Batch): void {
    this.#batches.delete(batch);
    if (this.#batches.size === 0) this.#resolve();
  }

  /** The caller no longer waits. */
  cancel(): void {
    for (const batch of this.#batches) {
      batch.requests.delete(this);
      if (batch.requests.size === 0) this.#onAbandoned(batch);
    }
    this.#batches.clear();
    this.#resolve();
  }
}
