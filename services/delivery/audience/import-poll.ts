import type { Cancel, Clock } from "@realchat/presence-runtime";
import type { AudienceDirectory, DirectoryState } from "./directory.ts";
import type { DirectoryListener } from "./listener.ts";

const periodMs = 1_000;

/** Polls a shared directory for imports and policies by other processes, which cannot notify this gateway's listener. */
export class ImportPoll {
  readonly #directory: AudienceDirectory;
  readonly #listener: DirectoryListener;
  readonly #clock: Clock;
  #cancel: Cancel = () => {};
  #isPolling = false;
  /** At the last poll. */
  #seen: DirectoryState | undefined;

  constructor(directory: AudienceDirectory, listener: DirectoryListener, clock: Clock) {
    this.#directory = directory;
    this.#listener = listener;
    this.#clock = clock;
  }

  start(): void {
    this.#cancel = this.#clock.every(periodMs, () => void this.#poll());
  }

  stop(): void {
    this.#cancel();
  }

  async #poll(): Promise<void> {
    if (this.#isPolling) return;
    this.#isPolling = true;
    try {
      const state = await this.#directory.state();
      if (this.#seen !== undefined) this.#compare(this.#seen, state);
      this.#seen = state;
    } catch {
      // The directory's health reports it; the next poll is soon.
    } finally {
      this.#isPolling = false;
    }
  }

  #compare(before: DirectoryState, { generation, imports, policyChanges }: DirectoryState): void {
    const changed = policyChanges.count - before.policyChanges.count;
    const areKnown = changed >= 0 && changed <= policyChanges.latest.length;
    if (generation !== before.generation || imports !== before.imports || !areKnown) this.#listener.recheckAll();
    else if (changed > 0) this.#listener.policiesChanged(policyChanges.latest.slice(0, changed));
  }
}
