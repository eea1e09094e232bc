import type { AffectedPairs } from "./directory.ts";

/** Hears what changed, as soon as the directory answers accordingly. */
export interface AudienceListener {
  /** Look again at each of these pairs. */
  affected(pairs: readonly AffectedPairs[]): void;
  /** Look again at all pairs: which ones changed is not known. */
  recheckAll(): void;
}
