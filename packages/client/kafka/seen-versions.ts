import { forgetEldest } from "../forget-eldest.ts";

/** The version rule in bounded memory: the highest version of each of the users heard of last. */
export class SeenVersions {
  readonly #versions = new Map<string, number>();
  readonly #usersMax: number;

  constructor(usersMax: number) {
    this.#usersMax = usersMax;
  }

  get size(): number {
    return this.#versions.size;
  }

  /** @returns whether it is newer than all that is remembered of the user */
  isNews(userId: string, version: number): boolean {
    const seen = this.#versions.get(userId);
    if (seen !== undefined && version <= seen) return false;
    // To the end of the map: those at its beginning are forgotten first.
    this.#versions.delete(userId);
    this.#versions.set(userId, version);
    if (this.#versions.size > this.#usersMax) forgetEldest(this.#versions);
    return true;
  }
}
