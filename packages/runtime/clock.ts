import { uptime } from "node:os";

/** Stops what it was returned for; calling it again does nothing. */
export type Cancel = () => void;

/**
 * Time and chance, injected: the only way to them outside this file, so that a test decides both.
 */
export interface Clock {
  /**
   * Wall clock, integer microseconds since 1970; steps when the machine's clock is put right. For what is compared with
   * another machine's clock (a token's `exp`, a record's stamp) or read by people, never for durations.
   */
  nowUs(): number;
  /** Monotonic milliseconds from an arbitrary origin, with fraction; for durations. */
  monotonicMs(): number;
  /** As monotonicMs, with another origin, and the time counts that the machine was suspended. To about 10 ms. */
  uptimeMs(): number;
  /** Calls `run` once after `delayMs`. A pending timer keeps the process alive. */
  after(delayMs: number, run: () => void): Cancel;
  /** Calls `run` every `periodMs`, first after one period. Does not keep the process alive. */
  every(periodMs: number, run: () => void): Cancel;
  /** Uniform in [0, 1). */
  random(): number;
}

/** Where a wall clock is read from. */
interface ClockSources {
  /** Integer milliseconds since 1970, as the machine has it now. */
  wallMs(): number;
  /** Monotonic milliseconds, with fraction. */
  monotonicMs(): number;
}

/**
 * The machine's wall clock, in microseconds though it tells only milliseconds: the fraction comes from the monotonic
 * clock. Each reading agrees with the machine to the millisecond. One that only added the time since the process began
 * to the time of day it had then would be wrong for as long as the process lives, once that was wrong.
 */
export class WallClock {
  readonly #sources: ClockSources;
  /** What the wall clock is ahead of the monotonic one. */
  #offsetMs = 0;

  constructor(sources: ClockSources) {
    this.#sources = sources;
  }

  nowUs(): number {
    const wallMs = this.#sources.wallMs();
    const monotonicMs = this.#sources.monotonicMs();
    const fractionMs = Math.min(Math.max(0, this.#offsetMs + monotonicMs - wallMs), 0.999);
    this.#offsetMs = wallMs + fractionMs - monotonicMs;
    return wallMs * 1000 + Math.floor(fractionMs * 1000);
  }
}

const wallClock = new WallClock({ wallMs: () => Date.now(), monotonicMs: () => performance.now() });

/** Node runs a timer of more at once. Source: https://nodejs.org/api/timers.html#settimeoutcallback-delay-args */
const timeoutMaxMs = 2 ** 31 - 1;

/** The machine's clock. */
export const systemClock: Clock = {
  nowUs: () => wallClock.nowUs(),
  monotonicMs: () => performance.now(),
  // The boot-time clock. Source: https://nodejs.org/api/os.html#osuptime
  uptimeMs: () => uptime() * 1_000,
  after(delayMs, run) {
    let timer: NodeJS.Timeout;
    const wait = (leftMs: number) => {
      const isTooLong = leftMs > timeoutMaxMs;
      timer = isTooLong ? setTimeout(wait, timeoutMaxMs, leftMs - timeoutMaxMs) : setTimeout(run, leftMs);
    };
    wait(delayMs);
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
