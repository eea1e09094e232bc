import type { Clock } from "./clock.ts";

/**
 * The work's outcome, or a rejection with `late()` when it takes longer than `limitMs`. The work itself goes on: the
 * caller must make sure that its late outcome does no harm.
 */
export function withDeadline<T>(clock: Clock, limitMs: number, work: Promise<T>, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(limitMs, () => reject(late()));
    work.then(resolve, reject).finally(cancel);
  });
}
