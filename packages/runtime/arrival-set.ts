/**
 * A set that knows which of its members came first, in constant time however many have gone before. A Set alone would look
 * for its first member from the beginning of its table, over the places of all that were deleted: to take n members one
 * after the other costs n² steps.
 */
export class ArrivalSet<Member> {
  readonly #members = new Set<Member>();
  // Everything that it has passed, but for #first, is deleted: it goes over each place once.
  #rest: Iterator<Member> = this.#members.values();
  #first: Member | undefined;

  get size(): number {
    return this.#members.size;
  }

  /** The member that has been here for longest. */
  get first(): Member | undefined {
    if (this.#first === undefined && this.#members.size > 0) this.#first = this.#next();
    return this.#first;
  }

  /** A member that is here already keeps its place. */
  add(member: Member & {}): void {
    this.#members.add(member);
  }

  has(member: Member): boolean {
    return this.#members.has(member);
  }

  delete(member: Member): boolean {
    if (member === this.#first) this.#first = undefined;
    return this.#members.delete(member);
  }

  clear(): void {
    this.#members.clear();
    this.#first = undefined;
  }

  /** Those who came first are first. */
  *[Symbol.iterator](): Iterator<Member> {
    const { first } = this;
    if (first === undefined) return;
    yield first;
    for (const member of this.#members) if (member !== first) yield member;
  }

  #next(): Member | undefined {
    const { done, value } = this.#rest.next();
    if (!done) return value;
    // It came to the end before others were added: an iterator that is done stays so.
    this.#rest = this.#members.values();
    return this.#rest.next().value;
  }
}
