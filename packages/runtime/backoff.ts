import type { Clock } from "./clock.ts";

export interface BackoffLimits {
  /** Most that the first wait may take, ms; doubles with each further attempt. */
  readonly firstMs: number;
  /** Most that any wait may take, ms. */
  readonly capMs: number;
}

/**
 * How long to wait before trying again: uniform between nothing and an exponentially growing limit, so that those who
 * failed together do not come back together.
 * Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ ("full jitter")
 * @param attempt how many waits there were since the last success, from 0
 * @returns ms, at least 1
 */
export function backoffMs(attempt: number, { firstMs, capMs }: BackoffLimits, clock: Clock): number {
  const limitMs = Math.min(capMs, firstMs * 2 ** attempt);
  return Math.max(1, Math.ceil(clock.random() * limitMs));
}
