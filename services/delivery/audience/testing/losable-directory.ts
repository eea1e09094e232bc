import { systemClock } from "@realchat/presence-runtime/clock";
import { AudienceError } from "../audience-error.ts";
import type { AudienceDirectory, ChangeBatch } from "../directory.ts";
import { MemoryDirectory } from "../memory/memory-directory.ts";

/** A directory in memory that can be away, and lose its data, as Redis can. */
export class LosableDirectory implements AudienceDirectory {
  readonly kind = "redis";
  isAway = false;
  /** What `apply` rejects with. */
  failure: Error | undefined;
  /** Applies the next batch, but its caller never hears of it. */
  losesNextReply = false;
  #life = 1;
  #data = new MemoryDirectory({}, systemClock);

  get generation(): string {
    return `life ${this.#life}`;
  }

  /** Loses everything. */
  lose(): void {
    this.#life += 1;
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
    return (await this.#there()).visibleTo(viewer, limit);
  }

  async maySee(viewer: string, users: readonly string[]) {
    return (await this.#there()).maySee(viewer, users);
  }

  async apply(batch: ChangeBatch) {
    if (this.failure !== undefined) throw this.failure;
    const affected = await (await this.#there()).apply(batch);
    if (!this.losesNextReply) return affected;
    this.losesNextReply = false;
    throw new AudienceError("UNAVAILABLE", "the reply was lost");
  }

  async state() {
    return { ...(await (await this.#there()).state()), generation: this.generation };
  }

  async #there(): Promise<MemoryDirectory> {
    if (this.isAway) throw new AudienceError("UNAVAILABLE", "away");
    return this.#data;
  }
}
