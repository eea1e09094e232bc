import type { AffectedPairs } from "./directory.ts";

/** Called when relations changed, once the directory answers accordingly. */
export interface AudienceListener {
  /** Each of these pairs is to be checked again. */
  affected(pairs: readonly AffectedPairs[]): void;
  /** All pairs are to be checked again: which ones changed is not known. */
  recheckAll(): void;
}
