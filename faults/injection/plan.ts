import type { Random } from "../random/random.ts";
import type { FaultKind } from "./fault-kind.ts";

/** A fault to come, ms from the beginning of the run. */
export interface PlannedFault {
  readonly kind: FaultKind;
  readonly atMs: number;
  readonly lastsMs: number;
  /** Decides what it harms. */
  readonly random: Random;
}

/** Between the end of one fault and the beginning of the next. */
const calmMs: readonly [number, number] = [1_000, 6_000];
/** How often one begins before the last has ended. */
const overlapChance = 0.2;

/** Draws what will be done to the system: the same for the same seed, whatever happens then. */
export function planFaults(kinds: readonly FaultKind[], random: Random, lengthMs: number): PlannedFault[] {
  const plan: PlannedFault[] = [];
  let atMs = random.between(...calmMs);
  while (true) {
    const kind = random.weighted(kinds, ({ weight }) => weight);
    const lastsMs = random.between(...kind.lastsMs);
    if (atMs + lastsMs > lengthMs) return plan;
    plan.push({ kind, atMs, lastsMs, random: random.fork() });
    atMs += random.chance(overlapChance) ? random.between(0, lastsMs) : lastsMs + random.between(...calmMs);
  }
}
