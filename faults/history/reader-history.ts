/** What a reader that follows the contract holds of a user. `unsure`: it is told that it cannot be known now. */
export type Belief = "online" | "offline" | "unsure";

/** From then on the reader believes this of the user, monotonic ms. */
export interface Statement {
  readonly atMs: number;
  /** When an answer was asked for; `atMs` for what came by itself. */
  readonly sinceMs: number;
  readonly userId: string;
  readonly belief: Belief;
  readonly version: number;
  /** Where it comes from, for people: `event CONNECTED`, `snapshot`, `reset 17…`. */
  readonly why: string;
}

/** A transition as it came, before any rule was applied. */
export interface ReadTransition {
  readonly atMs: number;
  readonly userId: string;
  readonly online: boolean;
  readonly version: number;
  readonly shard: number;
  /** Name in the contract, such as `EXPIRED`. */
  readonly cause: string;
}

interface ReadReset {
  readonly atMs: number;
  readonly shard: number;
  readonly begin: number;
}

type ReaderKind = "kafka" | "watch" | "poll" | "page";

interface Availability {
  readonly atMs: number;
  readonly isAble: boolean;
  readonly why: string;
}

/** Why a reader cannot tell, though it is answered. */
export const whyRecovering = "recovering";

/** All that one reader said. */
export class ReaderHistory {
  readonly name: string;
  readonly kind: ReaderKind;
  /** The node that it reads from, if it is one. */
  readonly node: number | undefined;
  readonly statements: Statement[] = [];
  readonly transitions: ReadTransition[] = [];
  readonly resets: ReadReset[] = [];
  /** Whether it can tell anything, and since when; in order. */
  readonly availability: Availability[] = [];

  constructor(name: string, kind: ReaderKind, node?: number) {
    this.name = name;
    this.kind = kind;
    this.node = node;
  }

  tellAvailability(atMs: number, isAble: boolean, why: string): void {
    const last = this.availability.at(-1);
    const isSame = last?.isAble === isAble && (isAble || (last.why === whyRecovering) === (why === whyRecovering));
    if (!isSame) this.availability.push({ atMs, isAble, why });
  }
}
