const originsMax = 100;
/** The client chooses the text: a longer one is cut. */
const shownMax = 300;

/** Reports each refused origin once: it may be the operator's own, missing in a setting. */
export class ForeignOrigins {
  readonly #reported = new Set<string>();
  readonly #report: (origin: string) => void;

  constructor(report: (origin: string) => void) {
    this.#report = report;
  }

  add(origin: string): void {
    const shown = origin.slice(0, shownMax);
    if (this.#reported.size >= originsMax || this.#reported.has(shown)) return;
    this.#reported.add(shown);
    this.#report(shown);
  }
}
