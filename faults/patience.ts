import { pause, systemClock } from "@realchat/presence-runtime/clock";

/** How long a server may take to start, on a machine that other work holds up: a run is not to be lost to that. */
export const startMaxMs = 180_000;

/** A process that does not listen is killed after 30 s: packages/testing/child.ts. */
const stopMaxMs = 40_000;

/** Waits until a part has stopped. @throws Error naming the part that does not */
export async function stopWithin(what: string, stopping: Promise<unknown>, maxMs = stopMaxMs): Promise<void> {
  const stopped = new AbortController();
  const late = pause(systemClock, maxMs, stopped.signal).then(() => {
    if (!stopped.signal.aborted) throw new Error(`${what} did not stop within ${maxMs} ms`);
  });
  try {
    await Promise.race([stopping, late]);
  } finally {
    stopped.abort();
  }
}
