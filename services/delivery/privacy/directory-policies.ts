import { type Clock, withDeadline } from "@realchat/presence-runtime";
import { readWhenComplete } from "../audience/complete-directory.ts";
import type { AudienceDirectory } from "../audience/directory.ts";
import type { Rules } from "./judge.ts";
import type { Policies, PolicyListener } from "./policies.ts";
import { everything, merge, type Policy, type PolicyPatch, storedPolicy } from "./policy.ts";
import type { HiddenState, Known, PolicyDirectory } from "./policy-directory.ts";
import { PrivacyError } from "./privacy-error.ts";
import type { PolicyWriter } from "./sources/policy-writer.ts";

interface DirectoryPoliciesOptions {
  readonly rules: Rules;
  readonly directory: PolicyDirectory;
  readonly audience: {
    /** Where relations and policies are stored. */
    readonly stored: Pick<AudienceDirectory, "apply">;
    readonly directory: Pick<AudienceDirectory, "contactsAmong">;
    readonly isComplete: boolean;
    atEndOfPrivacy(): Promise<void>;
  };
  /** undefined: policies are not read from Kafka. */
  readonly writer: Pick<PolicyWriter, "write"> | undefined;
  readonly clock: Clock;
  /** Users whose policies are changed at once, at most; default 1,000. */
  readonly changesMax?: number;
  /** How long a change may take, ms; default 5,000. */
  readonly changeTimeoutMs?: number;
}

/** What became of changes that users asked for. */
export interface PolicyMetrics {
  readonly changes: Readonly<Record<"changed" | "failed" | "busy", number>>;
  readonly bounds: { readonly policy_changes: { readonly used: number; readonly limit: number } };
}

/** Policies as the directory has them, changed where their source is: in the topic, or without Kafka in the directory. */
export class DirectoryPolicies implements Policies {
  readonly rules: Rules;
  readonly #options: Required<DirectoryPoliciesOptions>;
  readonly #listeners = new Set<PolicyListener>();
  /** The last change of each user, while it is under way. */
  readonly #changing = new Map<string, Promise<unknown>>();
  readonly #changes = { changed: 0, failed: 0, busy: 0 };

  constructor(options: DirectoryPoliciesOptions) {
    this.rules = options.rules;
    this.#options = { changesMax: 1_000, changeTimeoutMs: 5_000, ...options };
  }

  get metrics(): PolicyMetrics {
    const limit = this.#options.changesMax;
    return { changes: { ...this.#changes }, bounds: { policy_changes: { used: this.#changing.size, limit } } };
  }

  policiesOf(userIds: readonly string[]): Promise<ReadonlyMap<string, Known>> {
    const { audience, directory } = this.#options;
    return readWhenComplete(
      () => audience.isComplete,
      () => directory.policiesOf(userIds),
    );
  }

  hide(userId: string, state: HiddenState): Promise<HiddenState | undefined> {
    return this.#options.directory.hide(userId, state);
  }

  show(userId: string, sinceMs: number): Promise<void> {
    return this.#options.directory.show(userId, sinceMs);
  }

  nowUs(): number {
    return this.#options.directory.nowUs();
  }

  contactsAmong(userId: string, others: readonly string[]): Promise<ReadonlySet<string>> {
    return this.#options.audience.directory.contactsAmong(userId, others);
  }

  atEnd(): Promise<void> {
    return this.#options.audience.atEndOfPrivacy();
  }

  async change(userId: string, patch: PolicyPatch): Promise<Policy> {
    const { changesMax, changeTimeoutMs, clock } = this.#options;
    if (this.#changing.size >= changesMax && !this.#changing.has(userId)) {
      this.#changes.busy += 1;
      throw new PrivacyError("BUSY", "too many policies are being changed: try again");
    }
    const tooLate = new AbortController();
    const late = () => {
      tooLate.abort();
      return new PrivacyError("UNAVAILABLE", `the policy is not changed within ${changeTimeoutMs} ms: look what it is`);
    };
    try {
      const change = this.#inTurn(userId, patch, tooLate.signal);
      const changed = await withDeadline(clock, changeTimeoutMs, change, late);
      this.#changes.changed += 1;
      return changed;
    } catch (error) {
      this.#changes.failed += 1;
      if (error instanceof PrivacyError) throw error;
      throw new PrivacyError("UNAVAILABLE", (error as Error).message, { cause: error });
    }
  }

  onChange(listener: PolicyListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The directory has other policies of these users. */
  changed(userIds: readonly string[]): void {
    for (const listener of this.#listeners) listener.policiesChanged(userIds);
  }

  /** The directory may have other policies of anybody. */
  recheckAll(): void {
    for (const listener of this.#listeners) listener.recheckPolicies();
  }

  /** One change of a user after the other: each begins with what the one before wrote. */
  #inTurn(userId: string, patch: PolicyPatch, tooLate: AbortSignal): Promise<Policy> {
    const before = this.#changing.get(userId) ?? Promise.resolve();
    const change = before.catch(() => {}).then(() => this.#write(userId, patch, tooLate));
    this.#changing.set(userId, change);
    const done = () => {
      if (this.#changing.get(userId) === change) this.#changing.delete(userId);
    };
    change.then(done, done);
    return change;
  }

  async #write(userId: string, patch: PolicyPatch, tooLate: AbortSignal): Promise<Policy> {
    const { writer, audience } = this.#options;
    await this.atEnd();
    const policy = merge(await this.#policyOf(userId), patch);
    // Whoever asked was told that it is not done.
    tooLate.throwIfAborted();
    if (writer === undefined) {
      const change = { kind: "policy", at: this.nowUs(), userId, policy: storedPolicy(policy) } as const;
      await audience.stored.apply({ changes: [change] });
      this.changed([userId]);
    } else {
      await writer.write(userId, policy, tooLate);
      await this.atEnd();
    }
    return await this.#policyOf(userId);
  }

  async #policyOf(userId: string): Promise<Policy> {
    return (await this.policiesOf([userId])).get(userId)?.policy ?? everything;
  }
}
