import type { Clock } from "@realchat/presence-runtime/clock";
import type { Policies } from "../../privacy/policies.ts";
import { everything, merge, type Policy, type PolicyPatch } from "../../privacy/policy.ts";
import type { HiddenState, Known } from "../../privacy/policy-directory.ts";

/** What is asked: to read something, or to store it. */
export type PolicyQuestion = "read" | "store";

/** What may delay an answer, or refuse it. */
type Answer = <T>(answer: () => T, question: PolicyQuestion) => Promise<T>;

/** Policies that a test plays by hand: a directory for any number of gateways. */
export class TestPolicies implements Policies {
  readonly rules = { mayBeInvisible: true, rolesThatSee: new Set(["moderator"]) };
  /** Pairs of who has whom as a contact, as `ann bob`. */
  readonly contacts = new Set<string>();
  readonly #known = new Map<string, Known>();
  readonly #clock: Clock;
  readonly #answer: Answer;

  constructor(clock: Clock, answer: Answer = async (answer) => answer()) {
    this.#clock = clock;
    this.#answer = answer;
  }

  /** The user says so now. Gateways are to be told. */
  say(userId: string, patch: PolicyPatch): void {
    const { policy, hidden } = this.#knownOf(userId);
    const sinceMs = Math.floor(this.#clock.nowUs() / 1_000);
    this.#known.set(userId, { policy: merge(policy, patch), sinceMs, hidden });
  }

  policiesOf(userIds: readonly string[]): Promise<ReadonlyMap<string, Known>> {
    const read = () => new Map(userIds.map((userId) => [userId, this.#knownOf(userId)]));
    return this.#answer(read, "read");
  }

  hide(userId: string, state: HiddenState): Promise<HiddenState | undefined> {
    return this.#answer(() => {
      const known = this.#knownOf(userId);
      if (!known.policy.invisible) return undefined;
      const hidden = known.hidden ?? state;
      this.#known.set(userId, { ...known, hidden });
      return hidden;
    }, "store");
  }

  show(userId: string, sinceMs: number): Promise<void> {
    return this.#answer(() => {
      const known = this.#knownOf(userId);
      if (known.policy.invisible || known.hidden?.sinceMs !== sinceMs) return;
      this.#known.set(userId, { ...known, hidden: undefined });
    }, "store");
  }

  contactsAmong(userId: string, others: readonly string[]): Promise<ReadonlySet<string>> {
    const read = () => new Set(others.filter((other) => this.contacts.has(`${userId} ${other}`)));
    return this.#answer(read, "read");
  }

  atEnd(): Promise<void> {
    return this.#answer(() => {}, "read");
  }

  async change(userId: string, patch: PolicyPatch): Promise<Policy> {
    this.say(userId, patch);
    return this.#knownOf(userId).policy;
  }

  onChange(): () => void {
    return () => {};
  }

  nowUs(): number {
    return this.#clock.nowUs();
  }

  #knownOf(userId: string): Known {
    return this.#known.get(userId) ?? { policy: everything, sinceMs: 0, hidden: undefined };
  }
}
