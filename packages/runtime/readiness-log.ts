import type { Clock } from "./clock.ts";
import type { Log } from "./log.ts";
import type { ReadinessCheck } from "./operations-server.ts";

/** What a part may take to become ready at the start, before that is worth a warning. */
const startMaxMs = 5_000;

/**
 * Notes in the log when a part becomes ready or ceases to be. At the start none is yet: that is told when it lasts.
 * @returns looks again; to be called a few times a second
 */
export function logReadiness(log: Log, checks: Readonly<Record<string, ReadinessCheck>>, clock: Clock): () => void {
  const startMs = clock.monotonicMs();
  const before = new Map<string, boolean>();
  return () => {
    for (const [name, check] of Object.entries(checks)) {
      const { ready, detail } = check();
      if (before.get(name) === ready) continue;
      const isStarting = !before.has(name) && clock.monotonicMs() - startMs < startMaxMs;
      if (!ready && isStarting) continue;
      before.set(name, ready);
      if (ready) log.info(`${name} is ready: ${detail}`);
      else log.warn(`${name} is not ready: ${detail}`);
    }
  };
}
