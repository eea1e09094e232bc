/** A first-in, first-out queue that holds each member once. A member costs the same, however many wait. */
export class UniqueQueue<T> {
  readonly #members = new Set<T>();
  // One iterator for all: a new one would skip the slots of all members that were taken since the Set last grew.
  readonly #front = this.#members.values();

  get size(): number {
    return this.#members.size;
  }

  /** A member that waits already keeps its place. */
  add(member: T): void {
    this.#members.add(member);
  }

  has(member: T): boolean {
    return this.#members.has(member);
  }

  /** Removes the oldest members, at most `max`. */
  take(max: number): T[] {
    const taken: T[] = [];
    while (taken.length < max && this.#members.size > 0) {
      // Members that are left are ahead of the iterator: all behind it were taken.
      const member = this.#front.next().value as T;
      this.#members.delete(member);
      taken.push(member);
    }
    return taken;
  }
}
