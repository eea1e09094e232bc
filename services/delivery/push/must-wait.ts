import type { Dot } from "./dot.ts";
import { changeOf, differ } from "./shown-user.ts";

/**
 * Whether what is known of a user has to wait for a read of its policy. That somebody left, and what is no news, need not.
 * @param told what was told, or may be by the last read
 */
export function mustWait(told: Dot | undefined, dot: Dot | undefined): boolean {
  if (dot === undefined || told === dot) return false;
  if (told === undefined) return true;
  const isLeaving = told.online && !dot.online;
  return !isLeaving && changeOf(told, dot, differ) !== "none";
}
