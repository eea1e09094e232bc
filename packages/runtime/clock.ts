/** Stops what it was returned for; calling it again does nothing. */
export type Cancel = () => void;

/**
 * Time and chance, injected: the only way to them outside this file, so that a test decides both.
 */
export interface Clock {
  /** Wall clock, integer microseconds since 1970; may step back. For what people read, never for durations. */
  nowUs(): number;
  /** Monotonic milliseconds from an arbitrary origin, with fraction; for durations. */
  monotonicMs(): number;
  /** Calls `run` once after `delayMs`. A pending timer keeps the process alive. */
  after(delayMs: number, run: () => void): Cancel;
  /** Calls `run` every `periodMs`, first after one period. Does not keep the process alive. */
  every(periodMs: number, run: () => void): Cancel;
  /** Uniform in [0, 1). */
  random(): number;
}

/** The machine's clock. */
export const systemClock: Clock = {
  nowUs: () => Math.floor((performance.timeOrigin + performance.now()) * 1000),
  monotonicMs: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
  every(periodMs, run) {
    const timer = setInterval(run, periodMs).unref();
    return () => clearInterval(timer);
  },
  random: Math.random,
};

/** Resolves after `delayMs`, or as soon as `signal` aborts, whichever comes first. */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      cancel();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const cancel = clock.after(delayMs, done);
    signal?.addEventListener("abort", done, { once: true });
  });
}
