import { pause, systemClock } from "@realchat/presence-runtime/clock";

/** Between two looks, ms: the longer the wait, the more, as a look may cost much and come late by a twentieth. */
const pollMs = { least: 10, most: 100, share: 1 / 20 };

/** A look that takes longer than all the time there is gets this much more, on a busy machine; then it hangs. */
const lookMs = 1_000;

/**
 * Polls until the condition holds, and returns what it returned. A condition that throws does not hold yet, nor does one
 * that does not settle: what asks a frozen process must not outlast the wait.
 * @param condition truthy when the wait is over
 * @param options.what the end of the sentence "waited 30000 ms until …"
 * @param options.deadlineMs milliseconds, default 30,000: a wait that succeeds costs no more for it, and a busy machine is slow
 * @throws Error at the deadline, with the last thing the condition threw as its cause
 */
export async function waitUntil<T>(
  condition: () => T | Promise<T>,
  options: { what: string; deadlineMs?: number },
): Promise<T> {
  const deadlineMs = options.deadlineMs ?? 30_000;
  const begin = systemClock.monotonicMs();
  const end = begin + deadlineMs;
  for (;;) {
    // Asked before the look: a process that was held up for long looks once more.
    const isOver = systemClock.monotonicMs() >= end;
    const last = await attempt(condition, Math.max(lookMs, end - systemClock.monotonicMs()));
    if (last.value) return last.value;
    if (isOver) {
      throw new Error(`waited ${deadlineMs} ms until ${options.what}, in vain${because(last)}`, { cause: last.error });
    }
    const waitedMs = systemClock.monotonicMs() - begin;
    await pause(systemClock, Math.min(Math.max(pollMs.least, waitedMs * pollMs.share), pollMs.most));
  }
}

type Attempt<T> = { value?: T; error?: unknown };

async function attempt<T>(condition: () => T | Promise<T>, withinMs: number): Promise<Attempt<T>> {
  const isSettled = new AbortController();
  try {
    const value = condition();
    if (!(value instanceof Promise)) return { value };
    const hangs = pause(systemClock, withinMs, isSettled.signal).then(() => {
      throw new Error("the last look has not come back");
    });
    hangs.catch(() => {});
    return { value: await Promise.race([value, hangs]) };
  } catch (error) {
    return { error };
  } finally {
    isSettled.abort();
  }
}

function because(last: Attempt<unknown>): string {
  if (last.error === undefined) return ` (the last look gave ${JSON.stringify(last.value)})`;
  return `: ${last.error instanceof Error ? last.error.message : String(last.error)}`;
}
