import type { Policies } from "../privacy/policies.ts";
import { everything, fields, type Policy } from "../privacy/policy.ts";
import type { Guard } from "./guard.ts";
import type { PairFacts, Pairs } from "./pairs.ts";
import type { PolicyReads } from "./policy-reads.ts";
import type { Subscriber } from "./subscriber.ts";
import type { Viewer } from "./viewer.ts";
import type { WatchedUser } from "./watched-user.ts";

type User = WatchedUser<Subscriber>;
type OnAnswer = (user: User, pairs: Pairs, viewer: Viewer<Subscriber>, answer: () => boolean) => void;

/** Asks the directory what is to be known of pairs of a user and its viewers. Of two questions the last one counts. */
export class PairQuestions {
  readonly #policies: Pick<Policies, "contactsAmong" | "policiesOf">;
  readonly #reads: Pick<PolicyReads<Subscriber>, "ask">;
  readonly #onAnswer: OnAnswer;

  /** @param onAnswer what is known changes when it calls `answer`, which returns whether the answer counts */
  constructor(
    policies: Pick<Policies, "contactsAmong" | "policiesOf">,
    reads: Pick<PolicyReads<Subscriber>, "ask">,
    onAnswer: OnAnswer,
  ) {
    this.#policies = policies;
    this.#reads = reads;
    this.#onAnswer = onAnswer;
  }

  /** Resolves when it is known, or nobody waits for it any more. */
  async ask(
    user: User,
    { policy, pairs }: Pick<Guard, "policy" | "pairs">,
    viewers: readonly Viewer<Subscriber>[],
  ): Promise<void> {
    const question = {};
    for (const viewer of viewers) pairs.ask(viewer, question);
    const isWanted = () => viewers.some(({ subscribers }) => subscribers.length > 0) && user.watchers.size > 0;
    const facts = await this.#reads.ask(() => this.#factsOf(user.userId, policy, viewers), isWanted);
    for (const [viewer, fact] of facts ?? []) {
      this.#onAnswer(user, pairs, viewer, () => pairs.answer(viewer, question, fact));
    }
  }

  async #factsOf(
    userId: string,
    policy: Policy,
    viewers: readonly Viewer<Subscriber>[],
  ): Promise<Map<Viewer<Subscriber>, PairFacts>> {
    const policies = this.#policies;
    const ids = viewers.map((viewer) => viewer.userId);
    const contacts = await policies.contactsAmong(userId, ids);
    const known = policy.reciprocal ? await policies.policiesOf(ids) : undefined;
    const facts = viewers.map(async (viewer): Promise<[Viewer<Subscriber>, PairFacts]> => {
      const viewerPolicy = known?.get(viewer.userId)?.policy ?? everything;
      const isAsked = fields.some((field) => viewerPolicy[field] === "contacts");
      const isContactOfViewer = isAsked && (await policies.contactsAmong(viewer.userId, [userId])).has(userId);
      return [viewer, { isContact: contacts.has(viewer.userId), isContactOfViewer, viewerPolicy }];
    });
    return new Map(await Promise.all(facts));
  }
}
