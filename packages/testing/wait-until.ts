import { pause, systemClock } from "@realchat/presence-runtime/clock";

const POLL_MS = 10;

/**
 * Polls until the condition holds, and returns what it returned. A condition that throws does not hold yet.
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
  const end = systemClock.monotonicMs() + deadlineMs;
  for (;;) {
    // Asked before the look: a process that was held up for long looks once more.
    const isOver = systemClock.monotonicMs() >= end;
    const last = await attempt(condition);
    if (last.value) return last.value;
    if (isOver) {
      throw new Error(`waited ${deadlineMs} ms until ${options.what}, in vain${because(last)}`, { cause: last.error });
    }
    await pause(systemClock, POLL_MS);
  }
}

type Attempt<T> = { value?: T; error?: unknown };

async function attempt<T>(condition: () => T | Promise<T>): Promise<Attempt<T>> {
  try {
    return { value: await condition() };
  } catch (error) {
    return { error };
  }
}

function because(last: Attempt<unknown>): string {
  if (last.error === undefined) return ` (the last look gave ${JSON.stringify(last.value)})`;
  return `: ${last.error instanceof Error ? last.error.message : String(last.error)}`;
}
