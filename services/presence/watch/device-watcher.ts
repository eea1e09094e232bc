/** Pending users of one watcher; more are dropped, when the client does not read. */
const pendingMax = 100_000;

/** One open WatchDevices call. A pending user is sent once, however often the devices changed. */
export class DeviceWatcher {
  readonly #onClose: () => void;
  readonly #pending = new Set<string>();
  #wake: (() => void) | undefined;
  #isClosed = false;

  constructor(options: { close: () => void }) {
    this.#onClose = options.close;
  }

  changed(userId: string): void {
    if (this.#pending.size >= pendingMax) return;
    this.#pending.add(userId);
    this.#wake?.();
  }

  /** The next users, at most `limit`. @returns undefined when closed */
  async next(limit: number): Promise<string[] | undefined> {
    while (!this.#isClosed && this.#pending.size === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#isClosed) return undefined;
    const userIds: string[] = [];
    for (const userId of this.#pending) {
      if (userIds.length >= limit) break;
      userIds.push(userId);
      this.#pending.delete(userId);
    }
    return userIds;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#onClose();
    this.#wake?.();
  }
}
