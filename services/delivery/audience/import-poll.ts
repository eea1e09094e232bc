import type { Cancel, Clock } from "@realchat/presence-runtime";
import type { AudienceDirectory } from "./directory.ts";
import type { AudienceListener } from "./listener.ts";

const periodMs = 1_000;

/** Polls a shared directory for imports by other processes, which cannot notify this gateway's listener. */
export class ImportPoll {
  readonly #directory: AudienceDirectory;
  readonly #listener: AudienceListener;
  readonly #clock: Clock;
  #cancel: Cancel = () => {};
  #isPolling = false;
  /** Generation and count of imports at the last poll. */
  #seen: string | undefined;

  constructor(directory: AudienceDirectory, listener: AudienceListener, clock: Clock) {
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
      const { generation, imports } = await this.#directory.state();
      const now = `${generation} ${imports}`;
      if (this.#seen !== undefined && this.#seen !== now) this.#listener.recheckAll();
      this.#seen = now;
    } catch {
      // The directory's health reports it; the next poll is soon.
    } finally {
      this.#isPolling = false;
    }
  }
}
