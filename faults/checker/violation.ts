/** Something that was promised and not kept. */
export interface Violation {
  /** `P1` … `P8`. */
  readonly promise: string;
  readonly userId: string | undefined;
  /** Monotonic ms. */
  readonly atMs: number;
  readonly what: string;
  /** How long a reader believed something untrue; 0 when it is about a single moment. */
  readonly wrongMs: number;
}
