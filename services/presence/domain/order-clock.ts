/**
 * The clock that sessions get their orders from (session.ts). It never goes back, and runs with time, whatever befalls the
 * store's wall clock: so an age says of any two clients who came later. Where the wall clock is stepped back it goes on, ahead
 * of it by as much. At a begin it jumps as far as the version does, and makes up for that at half the speed.
 */
export interface OrderClock {
  /** How far it is ahead of the wall clock but for a jump, µs. */
  readonly aheadUs: number;
  /** Wall clock at the jump, µs since 1970; 0: there was none. */
  readonly jumpedUs: number;
  /** Wall clock when that is made up for, µs. */
  readonly levelUs: number;
}

export const newOrderClock: OrderClock = { aheadUs: 0, jumpedUs: 0, levelUs: 0 };

/** @returns integer µs */
export function readOrderClock({ aheadUs, levelUs }: OrderClock, nowUs: number): number {
  return nowUs + aheadUs + Math.max(0, Math.floor((levelUs - nowUs) / 2));
}

/** What it read when the wall clock, as that runs now, read `wallUs`; at least 1. */
export function orderClockAt(clock: OrderClock, wallUs: number): number {
  const { aheadUs, jumpedUs } = clock;
  return Math.max(1, wallUs < jumpedUs ? wallUs + aheadUs : readOrderClock(clock, wallUs));
}

interface OrderTick {
  readonly nowUs: number;
  /** What the clock reads at least, as the node that ticks reckons it; 0: it cannot. */
  readonly reckonedUs: number;
  /** Version at which the shard begins anew by this tick; 0: it does not. */
  readonly begunUs: number;
  /** A step of the wall clock by less is none. */
  readonly toleranceUs: number;
}

/** The clock after a tick. */
export function tickOrderClock(clock: OrderClock, { nowUs, reckonedUs, begunUs, toleranceUs }: OrderTick): OrderClock {
  const isBehind = reckonedUs > readOrderClock(clock, nowUs) + toleranceUs;
  const ticked = isBehind ? steppedBack(clock, nowUs, reckonedUs) : clock;
  return begunUs === 0 ? ticked : jumped(ticked, nowUs, begunUs);
}

function steppedBack({ aheadUs, jumpedUs, levelUs }: OrderClock, nowUs: number, reckonedUs: number): OrderClock {
  // What the wall clock would read now: see readOrderClock.
  const levelledUs = reckonedUs - aheadUs;
  const wallUs = levelledUs < levelUs ? 2 * levelledUs - levelUs : levelledUs;
  const byUs = wallUs - nowUs;
  return { aheadUs: aheadUs + byUs, jumpedUs: jumpedUs - byUs, levelUs: levelUs - byUs };
}

/**
 * A begin is above all versions, so the clock is above what it read at any of them. Of jumps that follow each other the first is
 * remembered: before it, the clock was level.
 */
function jumped({ aheadUs, jumpedUs, levelUs }: OrderClock, nowUs: number, toUs: number): OrderClock {
  const isLevel = nowUs >= levelUs;
  return {
    aheadUs,
    jumpedUs: isLevel ? nowUs : jumpedUs,
    levelUs: Math.max(levelUs, 2 * toUs - nowUs),
  };
}

/** The order clock at one moment. */
export interface OrderReading {
  /** Wall clock, µs since 1970. */
  readonly nowUs: number;
  /** See OrderClock. */
  readonly aheadUs: number;
  readonly orderUs: number;
}

/** What the order clock reads that long after a reading, had nobody stepped the wall clock. */
export function reckonOrderUs({ nowUs, aheadUs, orderUs }: OrderReading, passedUs: number): number {
  return Math.floor(Math.max(nowUs + aheadUs + passedUs, orderUs + passedUs / 2));
}
