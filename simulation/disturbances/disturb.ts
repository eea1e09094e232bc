import type { Fleet } from "../fleet/fleet.ts";
import type { Random } from "../time/random.ts";
import { disturbances } from "./catalogue.ts";
import type { Disturbance } from "./disturbance.ts";

interface Weather {
  /** Mean between the beginnings of two disturbances, ms. */
  readonly everyMs: number;
  /** From then on nothing new begins, so that the run ends at rest, ms. */
  readonly untilMs: number;
  /** How long they last, a share of what their longest would be: of that of a fleet with a time to live of a minute. */
  readonly pace: number;
}

/** Lets things go wrong at random moments. @returns how often each kind did, as long as it goes on */
export function disturb(
  fleet: Fleet,
  random: Random,
  { everyMs, untilMs, pace }: Weather,
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const { loop } = fleet;
  const again = () => {
    loop.after(random.around(everyMs), () => {
      if (loop.nowMs >= untilMs) return;
      const disturbance = chosen(random);
      if (begin(fleet, random, disturbance, pace))
        counts.set(disturbance.kind, (counts.get(disturbance.kind) ?? 0) + 1);
      again();
    });
  };
  again();
  return counts;
}

function begin(
  fleet: Fleet,
  random: Random,
  { kind, lastsMs: [least, most], begin }: Disturbance,
  pace: number,
): boolean {
  const begun = begin(fleet, random);
  if (begun === undefined) return false;
  const { loop, judge, timeline } = fleet;
  const calm = judge.disturb(kind);
  // Short ones are as likely as long ones.
  const forMs = least * Math.max(1, (pace * most) / least) ** random.next();
  timeline.note("DISTURBANCE", `${begun.what}, for ${Math.round(forMs)} ms`);
  loop.after(forMs, () => {
    begun.end();
    timeline.note("DISTURBANCE", `${begun.what}: over`);
    calm();
  });
  return true;
}

function chosen(random: Random): Disturbance {
  let rest = random.next() * disturbances.reduce((sum, { weight }) => sum + weight, 0);
  for (const disturbance of disturbances) {
    rest -= disturbance.weight;
    if (rest < 0) return disturbance;
  }
  return disturbances[0] as Disturbance;
}
