import type { Rules } from "./judge.ts";
import type { Policy, PolicyPatch } from "./policy.ts";
import type { PolicyDirectory } from "./policy-directory.ts";

/** The port to what push and sockets need to know of policies. Reads reject until all that was said is applied. */
export interface Policies extends PolicyDirectory {
  /** The organisation's. */
  readonly rules: Rules;
  /** Those of the others whom the user has as contacts. */
  contactsAmong(userId: string, others: readonly string[]): Promise<ReadonlySet<string>>;
  /**
   * Resolves when everything is applied that presence.privacy had at a moment after the call; at once where no Kafka is
   * read, or where the topic does not exist. Many calls are one question.
   */
  atEnd(): Promise<void>;
  /**
   * Changes what the patch names, of a user's own policy.
   * @returns the policy, as it was read back
   * @throws PrivacyError UNAVAILABLE, BUSY
   */
  change(userId: string, patch: PolicyPatch): Promise<Policy>;
  /** @returns ends it */
  onChange(listener: PolicyListener): () => void;
}

/** Called once the directory answers accordingly. */
export interface PolicyListener {
  /** The policies of these users may have changed, whether anybody here watches them or not. */
  policiesChanged(userIds: readonly string[]): void;
  /** All policies are to be read again: which ones changed is not known. */
  recheckPolicies(): void;
}
