import type { Fleet } from "../fleet/fleet.ts";
import type { Random } from "../time/random.ts";

/** Something that goes wrong for a while. */
export interface Disturbance {
  readonly kind: string;
  /** How often it is chosen, beside the others. */
  readonly weight: number;
  /** How long it lasts, ms. */
  readonly lastsMs: readonly [least: number, most: number];
  /** @returns what is done, and how it ends; undefined: it cannot be done now */
  begin(fleet: Fleet, random: Random): { readonly what: string; readonly end: () => void } | undefined;
}
