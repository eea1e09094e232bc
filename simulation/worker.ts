import { parentPort } from "node:worker_threads";
import { simulate } from "./simulate.ts";

/** Errors are part of what is played, and their stacks would cost more than the calls that fail. */
Error.stackTraceLimit = 0;

/** A thread of a campaign: simulates the seeds that it is sent. */
parentPort?.on("message", async ({ seed, hours }: { seed: number; hours: number }) => {
  parentPort?.postMessage(await simulate(seed, hours));
});
