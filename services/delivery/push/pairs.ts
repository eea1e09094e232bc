import { everything, fields, type Policy } from "../privacy/policy.ts";
import type { ShownUser } from "./shown-user.ts";

/** A viewer, and one of its sockets: see Viewer and Subscriber. */
interface PairedViewer {
  readonly userId: string;
}
export interface PairedSocket {
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

/** Whether it takes more than the policy to judge a viewer. */
export function asksForPairs(policy: Policy): boolean {
  return policy.reciprocal || fields.some((field) => policy[field] === "contacts");
}

/** For a policy that does not ask for pairs. */
export const stranger: PairFacts = { isContact: false, isContactOfViewer: false, viewerPolicy: everything };

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
