/** Pairs remembered at most; of more it is not told which are mutual. */
const pairsMax = 500_000;

/** Contacts of an import, by whether the other direction is in it too. */
export interface ContactCensus {
  /** Pairs of users who have each other. */
  readonly mutual: number;
  /** Pairs of which only one has the other. */
  readonly oneSided: number;
  /** One of these: the user, and the contact who has not got him. */
  readonly example: readonly [string, string] | undefined;
}

/** Counts contacts while they are read: one alone shows nobody. */
export class ContactCounter {
  /** By pair: bit 1, the first one has the second; bit 2, the second one the first. */
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

  /** @returns undefined: there are too many to tell */
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
