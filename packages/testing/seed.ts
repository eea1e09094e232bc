import { systemClock } from "@realchat/presence-runtime/clock";

let chosen: number | undefined;

/**
 * Seed of this process's random tests: SEED, else a new one. Printed, so that `SEED=41 npm test` replays a run.
 * @returns integer from 0 to 2^31 - 1
 * @throws Error when SEED is something else
 */
export function seed(): number {
  if (chosen === undefined) {
    chosen = readSeed(process.env.SEED) ?? Math.floor(systemClock.random() * 2 ** 31);
    process.stdout.write(`SEED=${chosen}\n`);
  }
  return chosen;
}

/**
 * How many random cases to try: that many, times RUNS for a long run, `RUNS=10 npm test -- model`.
 * @throws Error when RUNS is no positive integer
 */
export function runs(count: number, times = process.env.RUNS): number {
  if (times === undefined || times === "") return count;
  if (/^[1-9]\d{0,5}$/.test(times)) return count * Number(times);
  throw new Error(`RUNS=${times} is not an integer from 1 to 999999`);
}

/** @throws Error naming what would be right */
export function readSeed(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 31) return value;
  throw new Error(`SEED=${text} is not an integer from 0 to ${2 ** 31 - 1}`);
}
