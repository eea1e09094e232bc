import { stat } from "node:fs/promises";
import type { Cancel, Clock } from "../clock.ts";

interface FileWatchOptions {
  /** A file is not as it was, and has been left alone since the look before. */
  readonly onChange: () => void;
  readonly clock: Clock;
  /** What differs when a file does; never rejects. */
  readonly identify?: (path: string) => Promise<string>;
}

/** How often files are looked at, ms. */
export const lookPeriodMs = 1_000;

/**
 * Notices when files change: overwritten, replaced, gone or back, also behind symbolic links, which is how Kubernetes
 * replaces what it mounts. It looks at them, since events of a file system follow no link and cross no network.
 */
export class FileWatch {
  readonly #onChange: () => void;
  readonly #identify: (path: string) => Promise<string>;
  readonly #stop: Cancel;
  #seen = new Map<string, string>();
  #paths: ReadonlySet<string> = new Set();
  #isSettling = false;
  #isLooking = false;

  constructor({ onChange, clock, identify = fileIdentity }: FileWatchOptions) {
    this.#onChange = onChange;
    this.#identify = identify;
    this.#stop = clock.every(lookPeriodMs, () => void this.#look());
  }

  /** From now on these. One that is new here counts as changed: nobody knows what it was when it was read. */
  watch(paths: Iterable<string>): void {
    this.#paths = new Set(paths);
  }

  close(): void {
    this.#stop();
  }

  async #look(): Promise<void> {
    // A file system that hangs must not gather looks.
    if (this.#isLooking) return;
    this.#isLooking = true;
    const paths = [...this.#paths];
    const identities = await Promise.all(paths.map(this.#identify));
    this.#isLooking = false;
    const hasChanged = paths.some((path, index) => this.#seen.get(path) !== identities[index]);
    this.#seen = new Map(paths.map((path, index) => [path, identities[index] ?? ""]));
    // A certificate and its key are two files: the second may not be there yet when the first one is.
    const hasSettled = this.#isSettling && !hasChanged;
    this.#isSettling = hasChanged;
    if (hasSettled) this.#onChange();
  }
}

/** Where the data are and when they were last written: a replaced file has another inode, whatever its name and age. */
export async function fileIdentity(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
  } catch (error) {
    return String(error);
  }
}
