import { disturb } from "./disturbances/disturb.ts";
import { Fleet, fleetOf } from "./fleet/fleet.ts";
import { Random } from "./time/random.ts";

/** Mean between two disturbances, and the rest at the end of a run, in times to live. */
const disturbanceEvery = 1;
const rest = 3;
/** A shorter run is of a fleet whose sessions die fast, ever. */
const shortHours = 0.2;

export interface Outcome {
  readonly seed: number;
  /** Each promise that was broken, with what led to it; empty when none was. */
  readonly violations: readonly string[];
  /** By kind of reader, how long users were believed to be what they were not, s. */
  readonly wrongSeconds: ReadonlyMap<string, number>;
  readonly disturbances: ReadonlyMap<string, number>;
  /** Timers that ran, transitions that the store logged, and the longest that a belief was wrong in calm time, ms. */
  readonly turns: number;
  readonly transitions: number;
  readonly longestMs: number;
}

/** Some virtual hours of a fleet's life: all of it follows from the seed. */
export async function simulate(seed: number, hours: number): Promise<Outcome> {
  const random = new Random(seed);
  const size = fleetOf(seed, hours < shortHours);
  const fleet = new Fleet(random, size);
  const forMs = hours * 3_600_000;
  const counts = disturb(fleet, random.fork(), {
    everyMs: disturbanceEvery * size.ttlMs,
    untilMs: forMs - rest * size.ttlMs,
    pace: size.ttlMs / 60_000,
  });
  await fleet.run(forMs);
  const { judge, loop, transitions } = fleet;
  return {
    seed,
    violations: judge.violations.map((violation) => judge.report(violation)),
    wrongSeconds: new Map([...judge.wrongMs].map(([kind, ms]) => [kind, ms / 1_000])),
    disturbances: counts,
    turns: loop.turns,
    transitions,
    longestMs: judge.longestMs,
  };
}
