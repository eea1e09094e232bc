import type { Clock } from "@realchat/presence-runtime";
import { DirectoryClock } from "../../audience/directory-clock.ts";
import type { MemoryDirectory } from "../../audience/memory/memory-directory.ts";
import { policyStored } from "../policy.ts";
import type { HiddenState, Known, PolicyDirectory } from "../policy-directory.ts";

/** Policies of a directory in memory. */
export class MemoryPolicyDirectory implements PolicyDirectory {
  readonly #directory: Pick<MemoryDirectory, "policyOf">;
  readonly #clock: DirectoryClock;
  readonly #hidden = new Map<string, HiddenState>();

  constructor(directory: Pick<MemoryDirectory, "policyOf">, clock: Clock) {
    this.#directory = directory;
    this.#clock = new DirectoryClock(clock);
  }

  async policiesOf(userIds: readonly string[]): Promise<ReadonlyMap<string, Known>> {
    return new Map(userIds.map((userId) => [userId, this.#knownOf(userId)]));
  }

  async hide(userId: string, state: HiddenState): Promise<HiddenState | undefined> {
    if (!this.#knownOf(userId).policy.invisible) return undefined;
    if (!this.#hidden.has(userId)) this.#hidden.set(userId, state);
    return this.#hidden.get(userId);
  }

  async show(userId: string, sinceMs: number): Promise<void> {
    const isVisible = !this.#knownOf(userId).policy.invisible;
    if (isVisible && this.#hidden.get(userId)?.sinceMs === sinceMs) this.#hidden.delete(userId);
  }

  nowUs(): number {
    return this.#clock.nowUs();
  }

  #knownOf(userId: string): Known {
    const stored = this.#directory.policyOf(userId);
    return {
      policy: policyStored(stored?.policy ?? ""),
      sinceMs: Math.floor((stored?.stamp ?? 0) / 1_000),
      hidden: this.#hidden.get(userId),
    };
  }
}
