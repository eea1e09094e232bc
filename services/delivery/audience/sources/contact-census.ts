/** Pairs remembered at most; beyond that, mutual contacts are not counted. */
const pairsMax = 500_000;

/** Contacts of an import: mutual or one-sided. */
export interface ContactCensus {
  /** Pairs of users that have each other as contacts. */
  readonly mutual: number;
  /** Pairs in which only one has the other. */
  readonly oneSided: number;
  /** One of the one-sided pairs: the user, and the contact that does not have the user. */
  readonly example: readonly [string, string] | undefined;
}

/** Counts contacts while they are read: a one-sided contact shows nobody. */
export class ContactCounter {
  /** By pair. Bit 1: the first user has the second; bit 2: the second has the first. */
  readonly #directions = new Map<string, number>();
  readonly #pairsMax: number;
  #isOver = false;

  constructor(max = pairsMax) {
    this.#pairsMax = max;
  }

  add(userId: string, contactId: string): void {
    if (this.#isOver) return;
    const isInOrder = userId <= contactId;
    // Ids have no line feeds.
    const pair = isInOrder ? `${userId}\n${contactId}` : `${contactId}\n${userId}`;
    this.#directions.set(pair, (this.#directions.get(pair) ?? 0) | (isInOrder ? 1 : 2));
    if (this.#directions.size <= this.#pairsMax) return;
    this.#isOver = true;
    this.#directions.clear();
  }

  /** @returns undefined: too many to count */
  count(): ContactCensus | undefined {
    if (this.#isOver) return undefined;
    let mutual = 0;
    let example: readonly [string, string] | undefined;
    for (const [pair, directions] of this.#directions) {
      if (directions === 3) mutual += 1;
      else example ??= exampleOf(pair, directions);
    }
    return { mutual, oneSided: this.#directions.size - mutual, example };
  }
}

function exampleOf(pair: string, directions: number): readonly [string, string] {
  const [first = "", second = ""] = pair.split("\n");
  return directions === 1 ? [first, second] : [second, first];
}
