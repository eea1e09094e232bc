import type { AffectedPairs } from "../directory.ts";
import type { AudienceListener } from "../listener.ts";

/** Remembers what it was told. */
export class RecordedListener implements AudienceListener {
  readonly pairs: AffectedPairs[] = [];
  looksAgain = 0;

  affected(pairs: readonly AffectedPairs[]): void {
    this.pairs.push(...pairs);
  }

  recheckAll(): void {
    this.looksAgain += 1;
  }

  /** Whether it was told to look at the two. */
  wasTold(one: string, other: string): boolean {
    return this.pairs.some(
      ({ users, others }) =>
        (users.includes(one) && others.includes(other)) || (users.includes(other) && others.includes(one)),
    );
  }
}
