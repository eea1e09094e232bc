/** A set whose members are taken in the order in which they came; each costs the same, however many are waiting. */
export class WaitingLine<T> {
  readonly #members = new Set<T>();
  // Goes on where it left off: a new iterator would pass by the places of all who were taken since the Set last grew.
  readonly #front = this.#members.values();

  get size(): number {
    return this.#members.size;
  }

  /** Once, at its place, when it is waiting already. */
  add(member: T): void {
    this.#members.add(member);
  }

  /** Those who came first, at most so many. */
  take(max: number): T[] {
    const taken: T[] = [];
    while (taken.length < max && this.#members.size > 0) {
      // Whoever is left is ahead of it: behind it all were taken.
      const member = this.#front.next().value as T;
      this.#members.delete(member);
      taken.push(member);
    }
    return taken;
  }
}
