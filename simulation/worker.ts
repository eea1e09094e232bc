import { parentPort } from "node:worker_threads";
import { simulate } from "./simulate.ts";

/** A thread of a campaign: simulates the seeds that it is sent. */
parentPort?.on("message", async ({ seed, hours }: { seed: number; hours: number }) => {
  parentPort?.postMessage(await simulate(seed, hours));
});
