/** Chance that follows from a seed. */
export interface Random {
  /** Integer from 0 to `limit` - 1. */
  below(limit: number): number;
  /** True in that share of cases, 0 to 1. */
  chance(share: number): boolean;
  /** @throws RangeError when there is nothing to pick */
  pick<T>(items: readonly T[]): T;
}

/** Mulberry32. @param seed integer */
export function seededRandom(seed: number): Random {
  let state = seed | 0;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  return {
    below,
    chance: (share) => next() < share,
    pick(items) {
      if (items.length === 0) throw new RangeError("there is nothing to pick");
      return items[below(items.length)] as (typeof items)[number];
    },
  };
}
