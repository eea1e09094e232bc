import { type Clock, pause } from "@realchat/presence-runtime/clock";

interface Spread {
  readonly overMs: number;
  /** Between two looks at how many are due. */
  readonly stepMs: number;
  readonly clock: Clock;
}

/** Does it with each, evenly over the time given and no longer, however late timers are; with few of them sooner. */
export async function spreadOut<T>(
  items: readonly T[],
  { overMs, stepMs, clock }: Spread,
  run: (item: T) => void,
): Promise<void> {
  const startMs = clock.monotonicMs();
  for (let done = 0; done < items.length; ) {
    // Those who are due before the next look.
    const share = Math.min(1, (clock.monotonicMs() - startMs + stepMs) / overMs);
    const due = Math.max(done + 1, Math.floor(share * items.length));
    for (const item of items.slice(done, due)) run(item);
    done = due;
    if (done < items.length) await pause(clock, stepMs);
  }
}
