/** Counts the bytes of one call that were written but not yet taken by the transport: back-pressure. */
export class ResponseBacklog {
  #bytes = 0;
  #waiting: (() => void)[] = [];

  /** @returns whether there is room for more before `drained()` */
  add(bytes: number): boolean {
    this.#bytes += bytes;
    return this.#bytes < backlogMaxBytes;
  }

  sent(bytes: number): void {
    this.#bytes -= bytes;
    if (this.#bytes < backlogMaxBytes) this.release();
  }

  drained(): Promise<void> {
    if (this.#bytes < backlogMaxBytes) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Lets everyone go on who waits for room; also when the call is over and there will never be any. */
  release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** One HTTP/2 flow-control window of the default size (RFC 9113 §6.9.2): what a reader that keeps up takes at once. */
const backlogMaxBytes = 65_535;
