const originsMax = 100;
/** Pages choose their name: what is longer is cut. */
const shownMax = 300;

/** Tells each origin whose pages were refused, once: it may be the operator's own, missing in a setting. */
export class ForeignOrigins {
  readonly #told = new Set<string>();
  readonly #tell: (origin: string) => void;

  constructor(tell: (origin: string) => void) {
    this.#tell = tell;
  }

  note(origin: string): void {
    const shown = origin.slice(0, shownMax);
    if (this.#told.size >= originsMax || this.#told.has(shown)) return;
    this.#told.add(shown);
    this.#tell(shown);
  }
}
