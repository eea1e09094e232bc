import { type Clock, pause } from "@realchat/presence-runtime/clock";

interface Spread {
  readonly overMs: number;
  /** Time between two steps. */
  readonly stepMs: number;
  readonly clock: Clock;
}

/** Runs it for each item, evenly over the time given and no longer, however late timers are; with few items it ends sooner. */
export async function spreadOut<T>(
  items: readonly T[],
  { overMs, stepMs, clock }: Spread,
  run: (item: T) => void,
): Promise<void> {
  const startMs = clock.monotonicMs();
  for (let done = 0; done < items.length; ) {
    // The share that is due before the next step.
    const share = Math.min(1, (clock.monotonicMs() - startMs + stepMs) / overMs);
    const due = Math.max(done + 1, Math.floor(share * items.length));
    for (const item of items.slice(done, due)) run(item);
    done = due;
    if (done < items.length) await pause(clock, stepMs);
  }
}
