import { type ClaimBook, turnMs } from "../../../domain/claims.ts";

/** What is claimed of one user, and the user's version where that is of a change of status, or the record is gone. */
interface Claimed {
  readonly book: ClaimBook;
  readonly version: number;
}

/** Of whom something is claimed, or was a moment ago. */
export class ClaimTable {
  readonly #users = new Map<string, Claimed>();
  /** Nobody has a turn before. */
  #quietUntilMs = Number.POSITIVE_INFINITY;

  get size(): number {
    return this.#users.size;
  }

  get(userId: string): Claimed | undefined {
    return this.#users.get(userId);
  }

  set(userId: string, claimed: Claimed): void {
    this.#users.set(userId, claimed);
    this.#quietUntilMs = Math.min(this.#quietUntilMs, turnMs(claimed.book));
  }

  delete(userId: string): void {
    this.#users.delete(userId);
  }

  /** The user's record is gone, and its version with it. */
  inherit(userId: string, version: number): void {
    const claimed = this.#users.get(userId);
    if (claimed !== undefined && claimed.version < version) this.#users.set(userId, { ...claimed, version });
  }

  /** Users of whom a claim has ended, or nothing needs to be remembered, at most `limit`. */
  due(nowMs: number, limit: number): string[] {
    if (nowMs < this.#quietUntilMs || limit === 0) return [];
    const due: string[] = [];
    this.#quietUntilMs = Number.POSITIVE_INFINITY;
    for (const [userId, { book }] of this.#users) {
      const endMs = turnMs(book);
      if (endMs <= nowMs && due.length < limit) due.push(userId);
      else this.#quietUntilMs = Math.min(this.#quietUntilMs, endMs);
    }
    return due;
  }
}
