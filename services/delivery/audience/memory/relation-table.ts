import { type Fact, type Stamp, stampAfter } from "../facts.ts";

const none: ReadonlyMap<string, Stamp> = new Map();

/** The strongest stamp of every relation of one kind. */
export class RelationTable {
  readonly #byLeft = new Map<string, Map<string, Stamp>>();
  #size = 0;

  /** Relations, those with a negative stamp included. */
  get size(): number {
    return this.#size;
  }

  get(left: string, right: string): Stamp | undefined {
    return this.#byLeft.get(left)?.get(right);
  }

  /** All relations of `left`. */
  of(left: string): ReadonlyMap<string, Stamp> {
    return this.#byLeft.get(left) ?? none;
  }

  /** @returns whether it changed anything */
  merge(left: string, right: string, fact: Pick<Fact, "stamp" | "earlier">): boolean {
    let group = this.#byLeft.get(left);
    if (group === undefined) {
      group = new Map();
      this.#byLeft.set(left, group);
    }
    const known = group.get(right);
    const stamp = stampAfter(fact, known);
    if (stamp === undefined) return false;
    group.set(right, stamp);
    if (known === undefined) this.#size += 1;
    return true;
  }
}
