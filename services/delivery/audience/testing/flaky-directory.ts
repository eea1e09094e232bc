import { systemClock } from "@realchat/presence-runtime/clock";
import { AudienceError } from "../audience-error.ts";
import type { AudienceDirectory, ChangeBatch, DirectoryState } from "../directory.ts";
import { MemoryDirectory } from "../memory/memory-directory.ts";

/** A directory in memory that can be unavailable and lose its data, as Redis can. */
export class FlakyDirectory implements AudienceDirectory {
  readonly kind = "redis";
  isAway = false;
  /** What `apply` rejects with. */
  failure: Error | undefined;
  /** Applies the next batch, but the reply is lost. */
  losesNextReply = false;
  /** What other processes changed. */
  policyChanges: DirectoryState["policyChanges"] = { count: 0, latest: [] };
  #generation = 1;
  #data = new MemoryDirectory({}, systemClock);

  get generation(): string {
    return `life ${this.#generation}`;
  }

  /** Loses everything. */
  loseData(): void {
    this.#generation += 1;
    this.#data = new MemoryDirectory({}, systemClock);
  }

  async open(): Promise<void> {}
  async close(): Promise<void> {}

  health() {
    return { ready: !this.isAway, detail: "in a test" };
  }

  metrics() {
    return this.#data.metrics();
  }

  async visibleTo(viewer: string, limit: number) {
    return (await this.#dataIfReachable()).visibleTo(viewer, limit);
  }

  async maySee(viewer: string, users: readonly string[]) {
    return (await this.#dataIfReachable()).maySee(viewer, users);
  }

  async contactsAmong(userId: string, users: readonly string[]) {
    return (await this.#dataIfReachable()).contactsAmong(userId, users);
  }

  policyOf(userId: string) {
    return this.#data.policyOf(userId);
  }

  async apply(batch: ChangeBatch) {
    if (this.failure !== undefined) throw this.failure;
    const affected = await (await this.#dataIfReachable()).apply(batch);
    if (!this.losesNextReply) return affected;
    this.losesNextReply = false;
    throw new AudienceError("UNAVAILABLE", "the reply was lost");
  }

  async state() {
    return {
      ...(await (await this.#dataIfReachable()).state()),
      generation: this.generation,
      policyChanges: this.policyChanges,
    };
  }

  async #dataIfReachable(): Promise<MemoryDirectory> {
    if (this.isAway) throw new AudienceError("UNAVAILABLE", "away");
    return this.#data;
  }
}
