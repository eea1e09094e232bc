/** How full something is that has a limit: a queue, a buffer, calls under way. */
export interface Bound {
  readonly used: number;
  readonly limit: number;
}
