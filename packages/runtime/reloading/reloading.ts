import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import { redactUrls } from "../redact.ts";
import type { LiveSettings } from "../settings/live-settings.ts";
import { FileWatch } from "./file-watch.ts";

interface ReloadingOptions<Config> {
  readonly settings: LiveSettings<Config>;
  /**
   * Takes over what may change while the service runs; by then it has passed all checks that a start makes. A failure
   * counts as a refusal.
   */
  readonly apply: (config: Config) => void | Promise<void>;
  readonly log: Log;
  readonly clock: Clock;
  readonly identify?: (path: string) => Promise<string>;
}

export interface ReloadMetrics {
  /** Times that something was taken over. */
  readonly applied: number;
  /** Times that what the files say was refused. */
  readonly refused: number;
  /** Whether what they say now is refused: a start would fail. */
  readonly isRefused: boolean;
}

/**
 * Reads the settings again whenever a file that they come from changes, and on demand. What is wrong is refused in whole,
 * with a line in the log, and the old stays in force.
 */
export class Reloading<Config> {
  readonly #options: ReloadingOptions<Config>;
  readonly #watch: FileWatch;
  #applied = 0;
  #refused = 0;
  #refusal: string | undefined;
  #waiting: readonly string[] = [];
  #turn: Promise<void> = Promise.resolve();

  constructor(options: ReloadingOptions<Config>) {
    this.#options = options;
    this.#watch = new FileWatch({ ...options, onChange: () => void this.#next("changed") });
    this.#watch.watch(options.settings.files);
  }

  /** Reads everything now, as on SIGHUP; never rejects. */
  reload(): Promise<void> {
    return this.#next("asked");
  }

  metrics(): ReloadMetrics {
    return { applied: this.#applied, refused: this.#refused, isRefused: this.#refusal !== undefined };
  }

  close(): void {
    this.#watch.close();
  }

  /** One after the other: the last one to read is the last one to be applied. */
  #next(reason: "changed" | "asked"): Promise<void> {
    this.#turn = this.#turn.then(() => this.#reread(reason));
    return this.#turn;
  }

  async #reread(reason: "changed" | "asked"): Promise<void> {
    const { settings, apply, log } = this.#options;
    try {
      const { config, replaced, waiting, accept } = settings.reread();
      if (replaced.length > 0) {
        await apply(config);
        accept();
        this.#applied += 1;
      }
      this.#refusal = undefined;
      if (replaced.length > 0 || reason === "asked")
        log.info(`read again: ${replaced.join(", ") || "nothing changed"}`);
      if (waiting.length > 0 && (reason === "asked" || !isDeepStrictEqual(waiting, this.#waiting))) {
        log.warn(`${waiting.join(", ")}: changed, which takes effect at the next start`);
      }
      this.#waiting = waiting;
    } catch (error) {
      this.#refusal = redactUrls(error instanceof Error ? error.message : String(error));
      this.#refused += 1;
      log.error(`what was read again is refused, and the old stays in force: ${this.#refusal}`);
    }
    this.#watch.watch(settings.files);
  }
}
