import type { AffectedPairs } from "../directory.ts";
import type { DirectoryListener } from "../listener.ts";

/** Records its calls. */
export class RecordedListener implements DirectoryListener {
  readonly pairs: AffectedPairs[] = [];
  recheckAllCalls = 0;
  readonly policyOwners: string[] = [];

  affected(pairs: readonly AffectedPairs[]): void {
    this.pairs.push(...pairs);
  }

  recheckAll(): void {
    this.recheckAllCalls += 1;
  }

  policiesChanged(userIds: readonly string[]): void {
    this.policyOwners.push(...userIds);
  }

  /** Whether the pair was reported as affected. */
  isAffected(one: string, other: string): boolean {
    return this.pairs.some(
      ({ users, others }) =>
        (users.includes(one) && others.includes(other)) || (users.includes(other) && others.includes(one)),
    );
  }
}
