/** Users who are looked up together, and those who wait for the answer. */
export interface Batch {
  readonly userIds: string[];
  readonly questions: Set<Question>;
}

/** Somebody waits to hear of some users. */
export class Question {
  /** Resolves when all that presence can tell of them was applied, or nobody waits for it any more; never rejects. */
  readonly done: Promise<void>;
  readonly #resolve: () => void;
  readonly #batches: Set<Batch>;
  readonly #forsake: (batch: Batch) => void;

  /** @param options.forsake called with each batch for whose answer nobody waits any more */
  constructor(batches: Set<Batch>, forsake: (batch: Batch) => void) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.done = promise;
    this.#resolve = resolve;
    this.#batches = batches;
    this.#forsake = forsake;
    for (const { questions } of batches) questions.add(this);
    if (batches.size === 0) resolve();
  }

  /** The answer about these was applied. */
  answered(batch: Batch): void {
    this.#batches.delete(batch);
    if (this.#batches.size === 0) this.#resolve();
  }

  /** Whoever asked is gone. */
  cancel(): void {
    for (const batch of this.#batches) {
      batch.questions.delete(this);
      if (batch.questions.size === 0) this.#forsake(batch);
    }
    this.#batches.clear();
    this.#resolve();
  }
}
