import { judge, type Rules, type Sight } from "../privacy/judge.ts";
import { everything, fields, type Policy } from "../privacy/policy.ts";
import type { Dot } from "./dot.ts";
import { shownBy } from "./gate.ts";
import type { HiddenDot } from "./hiding.ts";
import type { ShownUser } from "./shown-user.ts";

/** A viewer, and one of its sockets: see Viewer and Subscriber. */
interface PairedViewer {
  readonly userId: string;
}
interface PairedSocket {
  readonly viewer: PairedViewer;
  /** Of the client's token. */
  readonly roles: ReadonlySet<string>;
}

/** What a judgement needs to know of a viewer, besides the user's policy. */
export interface PairFacts {
  /** Whether the user has the viewer as a contact, and the other way round. */
  readonly isContact: boolean;
  readonly isContactOfViewer: boolean;
  readonly viewerPolicy: Policy;
}

/** What is known of the pairs of one user and its viewers. */
export class Pairs {
  readonly #facts = new WeakMap<PairedViewer, PairFacts>();
  /** Asked for: what was known before holds no more. */
  readonly #asked = new WeakMap<PairedViewer, object>();
  /** What sockets were shown before a change that could not be judged for them meanwhile. */
  readonly #unjudged = new WeakMap<PairedSocket, { readonly before: ShownUser | undefined }>();

  of(viewer: PairedViewer): PairFacts | undefined {
    return this.#facts.get(viewer);
  }

  isKnown(viewer: PairedViewer): boolean {
    return this.#facts.has(viewer) && !this.#asked.has(viewer);
  }

  /** Of several changes, what was shown before the first one counts. */
  putOff(socket: PairedSocket, before: ShownUser | undefined): void {
    if (!this.#unjudged.has(socket)) this.#unjudged.set(socket, { before });
  }

  takePutOff(socket: PairedSocket): { readonly before: ShownUser | undefined } | undefined {
    const unjudged = this.#unjudged.get(socket);
    this.#unjudged.delete(socket);
    return unjudged;
  }

  ask(viewer: PairedViewer, question: object): void {
    this.#asked.set(viewer, question);
  }

  /** @returns whether it is the answer to the last question */
  answer(viewer: PairedViewer, question: object, facts: PairFacts): boolean {
    if (this.#asked.get(viewer) !== question) return false;
    this.#asked.delete(viewer);
    this.#facts.set(viewer, facts);
    return true;
  }
}

/** Of a user who does not show everything to everybody: what each viewer is shown. Immutable but for its pairs. */
export class Guard {
  readonly policy: Policy;
  /** When the user said so, wall clock, ms. */
  readonly sinceMs: number;
  readonly dot: Dot;
  /** The state in which the user hid; undefined: the user does not hide. */
  readonly hidden: HiddenDot | undefined;
  readonly pairs: Pairs;
  readonly rules: Rules;
  /** Few sights: their views are shared, and so are the frames. */
  readonly #views = new Map<Sight, ShownUser>();

  constructor({ policy, sinceMs, dot, hidden, pairs, rules }: GuardState) {
    this.policy = policy;
    this.sinceMs = sinceMs;
    this.dot = dot;
    this.hidden = hidden;
    this.pairs = pairs;
    this.rules = rules;
  }

  /** Whether the user is offline to everybody, whatever it does. */
  get isForNobody(): boolean {
    const { invisible, online, show } = this.policy;
    return (invisible && this.hidden !== undefined) || (online === "nobody" && show.size === 0);
  }

  /** The same of another state. Views are made anew: a frame that is kept of an old one has an old version. */
  with(change: Partial<GuardState>): Guard {
    const { policy, sinceMs, dot, hidden, pairs, rules } = this;
    return new Guard({ policy, sinceMs, dot, hidden, pairs, rules, ...change });
  }

  /** @returns undefined: it is not known what this viewer may see */
  shownTo({ viewer, roles }: PairedSocket): ShownUser | undefined {
    if (asksForPairs(this.policy) && !this.pairs.isKnown(viewer)) return undefined;
    return this.#show(viewer, roles, this.pairs.of(viewer) ?? stranger);
  }

  /** What the viewer was shown when it was known last. */
  shownBefore({ viewer, roles }: PairedSocket): ShownUser | undefined {
    const facts = asksForPairs(this.policy) ? this.pairs.of(viewer) : stranger;
    return facts && this.#show(viewer, roles, facts);
  }

  #show(viewer: PairedViewer, viewerRoles: ReadonlySet<string>, facts: PairFacts): ShownUser {
    const { policy: ownerPolicy, dot, rules } = this;
    const pair = { owner: dot.userId, ownerPolicy, viewer: viewer.userId, viewerRoles, rules };
    const sight = judge({ ...pair, ...facts });
    let view = this.#views.get(sight);
    if (view === undefined) {
      view = shownBy(sight, dot, this.hidden);
      this.#views.set(sight, view);
    }
    return view;
  }
}

type GuardState = Pick<Guard, "policy" | "sinceMs" | "dot" | "hidden" | "pairs" | "rules">;

/** Whether it takes more than the policy to judge a viewer. */
export function asksForPairs(policy: Policy): boolean {
  return policy.reciprocal || fields.some((field) => policy[field] === "contacts");
}

/** For a policy that does not ask for pairs. */
const stranger: PairFacts = { isContact: false, isContactOfViewer: false, viewerPolicy: everything };
