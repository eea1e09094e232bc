/**
 * Numbers in place of names that many rows share, such as those of gateways. Counted, so that the names of gateways
 * that are gone do not pile up.
 */
export class InternedNames {
  readonly #numbers = new Map<string, number>();
  readonly #names: string[] = [];
  readonly #uses: number[] = [];
  readonly #free: number[] = [];

  /** @returns the name's number, good until `release` was called as often as this */
  acquire(name: string): number {
    const known = this.#numbers.get(name);
    const number = known ?? this.#free.pop() ?? this.#names.length;
    if (known === undefined) {
      this.#numbers.set(name, number);
      this.#names[number] = name;
      this.#uses[number] = 0;
    }
    this.#uses[number] = (this.#uses[number] ?? 0) + 1;
    return number;
  }

  release(number: number): void {
    const uses = (this.#uses[number] ?? 0) - 1;
    this.#uses[number] = uses;
    if (uses > 0) return;
    this.#numbers.delete(this.name(number));
    this.#free.push(number);
  }

  name(number: number): string {
    return this.#names[number] as string;
  }
}
