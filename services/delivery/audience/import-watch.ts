import type { Cancel, Clock } from "@realchat/presence-runtime";
import type { AudienceDirectory } from "./directory.ts";
import type { AudienceListener } from "./listener.ts";

const periodMs = 1_000;

/** Notices what others brought into a shared directory without a source: they cannot tell this gateway whom it affects. */
export class ImportWatch {
  readonly #directory: AudienceDirectory;
  readonly #listener: AudienceListener;
  readonly #clock: Clock;
  #cancel: Cancel = () => {};
  #isLooking = false;
  /** Generation and count of imports; undefined before the first look. */
  #seen: string | undefined;

  constructor(directory: AudienceDirectory, listener: AudienceListener, clock: Clock) {
    this.#directory = directory;
    this.#listener = listener;
    this.#clock = clock;
  }

  start(): void {
    this.#cancel = this.#clock.every(periodMs, () => void this.#look());
  }

  stop(): void {
    this.#cancel();
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const { generation, imports } = await this.#directory.state();
      const now = `${generation} ${imports}`;
      if (this.#seen !== undefined && this.#seen !== now) this.#listener.recheckAll();
      this.#seen = now;
    } catch {
      // The directory's health says it; the next look is soon.
    } finally {
      this.#isLooking = false;
    }
  }
}
