import type { AffectedPairs } from "./directory.ts";

/** Called when relations changed, once the directory answers accordingly. */
export interface AudienceListener {
  /** Each of these pairs is to be checked again. */
  affected(pairs: readonly AffectedPairs[]): void;
  /** All pairs are to be checked again: which ones changed is not known. */
  recheckAll(): void;
}

/** Called when anything changed that the directory has. */
export interface DirectoryListener extends AudienceListener {
  /** The policies of these users may have changed. */
  policiesChanged(userIds: readonly string[]): void;
  /** All pairs, and all policies, are to be checked again. */
  recheckAll(): void;
}
