import type { WrongStatus } from "./status-judge.ts";
import { keyOf } from "./status-truth.ts";

/** What a reader believes of a user. */
export interface Belief {
  readonly reader: Reader;
  readonly userId: string;
  /** See keyOf; undefined: it was not told, or shows no statuses. */
  status: string | undefined;
  /** undefined: it was not told. */
  online: boolean | undefined;
  version: number;
  /** What it is while it is wrong; since when, in true and in undisturbed time; how many disturbances there were by then. */
  wrong:
    | {
        readonly online: boolean | undefined;
        readonly sinceMs: number;
        readonly calmMs: number;
        readonly disturbances: number;
      }
    | undefined;
  wrongStatus: WrongStatus | undefined;
  isReported: boolean;
}

/** Hears of what a reader is told that cannot be. */
interface ReaderJudge {
  object(promise: string, userId: string, message: string): void;
  toldGone(reader: Reader, userId: string, version: number, wasOnline: boolean): void;
}

/** Whoever is told by presence who is online, and what it believes by that. */
export class Reader {
  readonly kind: string;
  readonly name: string;
  readonly users: readonly string[];
  readonly #judge: ReaderJudge;
  readonly beliefs: ReadonlyMap<string, Belief>;
  #isSynced = false;

  constructor(judge: ReaderJudge, kind: string, name: string, users: readonly string[]) {
    this.#judge = judge;
    this.kind = kind;
    this.name = name;
    this.users = users;
    this.beliefs = new Map(users.map((userId) => [userId, this.#newBelief(userId)]));
  }

  /** Whether it takes what it believes for current: one that knows better is not wrong. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  set isSynced(isSynced: boolean) {
    this.#isSynced = isSynced;
    if (!isSynced) for (const belief of this.beliefs.values()) belief.wrong = undefined;
  }

  /** What an answer says, whatever it said before: it has no order of its own. */
  answered(userId: string, online: boolean, status?: ReadStatus): void {
    const belief = this.beliefs.get(userId);
    if (belief === undefined) return;
    belief.online = online;
    belief.status = status && keyOf(status);
  }

  /** It is told that nobody can know whether the user is offline. */
  unsure(userId: string): void {
    const belief = this.beliefs.get(userId);
    if (belief?.online === false) belief.online = undefined;
  }

  /** A state that must not be older than the one before. */
  told(userId: string, online: boolean, version: number, status?: ReadStatus): void {
    const belief = this.beliefs.get(userId);
    if (belief === undefined) return;
    if (version < belief.version) {
      this.#judge.object("P3", userId, `${this.name} is told version ${version} after ${belief.version}`);
    } else if (version === belief.version && version !== 0 && online !== belief.online) {
      this.#judge.object(
        "P3",
        userId,
        `${this.name} is told ${online ? "online" : "offline"} and not, as version ${version}`,
      );
    }
    if (!online && belief.online !== false) this.#judge.toldGone(this, userId, version, belief.online === true);
    belief.online = online;
    belief.version = version;
    belief.status = status && keyOf(status);
  }

  #newBelief(userId: string): Belief {
    const nothing = { online: undefined, status: undefined, version: 0 };
    return { reader: this, userId, ...nothing, wrong: undefined, wrongStatus: undefined, isReported: false };
  }
}

/** What a reader shows of a user besides online and offline, if it does. */
type ReadStatus = Parameters<typeof keyOf>[0];
