/**
 * Aborts on the first SIGINT, SIGTERM or SIGHUP (the terminal was closed). Later ones are ignored, since one Ctrl-C may
 * arrive twice: from the terminal, and passed on by npm or by `bin/presence.mjs`.
 */
export class StopSignal {
  readonly #stop = new AbortController();
  #isAwaited = false;

  /** Whether a command has asked for it: until then signals end the process where it is. */
  get isAwaited(): boolean {
    return this.#isAwaited;
  }

  listen(): AbortSignal {
    this.#isAwaited = true;
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => this.abort());
    return this.#stop.signal;
  }

  abort(): void {
    this.#stop.abort();
  }
}
