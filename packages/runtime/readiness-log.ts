import type { Log } from "./log.ts";
import type { ReadinessCheck } from "./operations-server.ts";

/**
 * Notes in the log when a part becomes ready or ceases to be.
 * @returns looks again; to be called a few times a second
 */
export function logReadiness(log: Log, checks: Readonly<Record<string, ReadinessCheck>>): () => void {
  const before = new Map<string, boolean>();
  return () => {
    for (const [name, check] of Object.entries(checks)) {
      const { ready, detail } = check();
      if (before.get(name) === ready) continue;
      before.set(name, ready);
      if (ready) log.info(`${name} is ready: ${detail}`);
      else log.warn(`${name} is not ready: ${detail}`);
    }
  };
}
