import { systemClock as clock } from "@realchat/presence-runtime/clock";

/**
 * Begins calls at a pace that does not wait for answers, as independent callers do.
 * @param call begins the call of that index, which was due at `dueMs` (monotonic): latency counts from there, so that
 *   a late generator does not flatter what it measures
 */
export function openLoop(
  { perSecond, count }: { perSecond: number; count: number },
  call: (index: number, dueMs: number) => void,
): Promise<void> {
  const startMs = clock.monotonicMs();
  let begun = 0;
  return new Promise((resolve) => {
    const step = () => {
      const due = Math.min(count, Math.floor(((clock.monotonicMs() - startMs) / 1000) * perSecond));
      while (begun < due) {
        call(begun, startMs + (begun / perSecond) * 1000);
        begun += 1;
      }
      if (begun < count) clock.after(1, step);
      else resolve();
    };
    step();
  });
}
