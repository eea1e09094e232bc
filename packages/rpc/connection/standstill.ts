/** How long something has not moved. */
export class Standstill {
  #seen: number | undefined;
  #sinceMs = 0;

  /** @param state a number that changes with every progress; undefined: nothing is under way */
  lastsMs(state: number | undefined, nowMs: number): number {
    if (state !== this.#seen) {
      this.#seen = state;
      this.#sinceMs = nowMs;
    }
    return state === undefined ? 0 : nowMs - this.#sinceMs;
  }
}
