import { Worker } from "node:worker_threads";
import type { Outcome } from "./simulate.ts";

interface Campaign {
  readonly firstSeed: number;
  readonly seeds: number;
  readonly hours: number;
  readonly workers: number;
  readonly onOutcome: (outcome: Outcome) => void;
  /** No further run begins. */
  readonly signal?: AbortSignal;
}

/** Room for what is soon forgotten: the messages and promises of a virtual second. */
const resourceLimits = { maxYoungGenerationSizeMb: 64 };

/** Simulates one seed after the other, on some threads at once: a run is the same whoever runs it. */
export async function runCampaign({ firstSeed, seeds, hours, workers, onOutcome, signal }: Campaign): Promise<void> {
  let next = firstSeed;
  const work = async () => {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { resourceLimits });
    try {
      while (next < firstSeed + seeds && !signal?.aborted) onOutcome(await outcomeOf(worker, next++, hours));
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: Math.min(workers, seeds) }, work));
}

function outcomeOf(worker: Worker, seed: number, hours: number): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const settled = (run: () => void) => {
      worker.off("message", onMessage);
      worker.off("error", onError);
      run();
    };
    const onMessage = (outcome: Outcome) => settled(() => resolve(outcome));
    const onError = (error: unknown) =>
      settled(() => reject(new Error(`the simulation itself failed with seed ${seed}`, { cause: error })));
    worker.on("message", onMessage);
    worker.on("error", onError);
    worker.postMessage({ seed, hours });
  });
}
