import type { Clock } from "@realchat/presence-runtime";
import type { Moment } from "../../../domain/moment.ts";
import {
  newOrderClock,
  type OrderReading,
  readOrderClock,
  reckonOrderUs,
  tickOrderClock,
} from "../../../domain/order-clock.ts";
import { readShardClock, type ShardClock, tickShardClock } from "../../../domain/shard-clock.ts";

interface ShardClocksOptions {
  /** The most that one tick may advance the shard's clock, ms. */
  readonly capMs: number;
  /** A step of the wall clock by less is none, ms. */
  readonly toleranceMs: number;
}

/** The clocks of the shard: wall clock, shard clock and order clock. */
export class ShardClocks {
  readonly #clock: Clock;
  readonly #capMs: number;
  readonly #toleranceUs: number;
  #shardClock: ShardClock;
  #orders = newOrderClock;
  /** The order clock at the last tick, and monotonic time then. */
  #orderReading: OrderReading & { readonly atMs: number };

  constructor({ capMs, toleranceMs }: ShardClocksOptions, clock: Clock) {
    this.#clock = clock;
    this.#capMs = capMs;
    this.#toleranceUs = toleranceMs * 1_000;
    const nowUs = clock.nowUs();
    this.#shardClock = { clockMs: 0, tickedAtMs: toMs(nowUs) };
    this.#orderReading = { nowUs, aheadUs: 0, orderUs: nowUs, atMs: clock.monotonicMs() };
  }

  /** How far the order clock is ahead of the wall clock, µs. */
  get ordersAheadUs(): number {
    return this.#orders.aheadUs;
  }

  /** Shard clock. */
  clockMs(): number {
    return this.#readMs(this.#clock.nowUs());
  }

  moment(): Moment {
    const nowUs = this.#clock.nowUs();
    return { nowUs, clockMs: this.#readMs(nowUs), orders: this.#orders, beginUs: 0, beginClockMs: undefined };
  }

  tick(): void {
    const nowUs = this.#clock.nowUs();
    this.#shardClock = tickShardClock(this.#shardClock, toMs(nowUs), this.#capMs);
    const atMs = this.#clock.monotonicMs();
    const reckonedUs = reckonOrderUs(this.#orderReading, (atMs - this.#orderReading.atMs) * 1_000);
    const toleranceUs = this.#toleranceUs;
    this.#orders = tickOrderClock(this.#orders, { nowUs, reckonedUs, begunUs: 0, toleranceUs });
    const { aheadUs } = this.#orders;
    this.#orderReading = { nowUs, aheadUs, orderUs: readOrderClock(this.#orders, nowUs), atMs };
  }

  #readMs(nowUs: number): number {
    return readShardClock(this.#shardClock, toMs(nowUs), this.#capMs);
  }
}

/** Wall clock, ms. */
export function toMs(us: number): number {
  return Math.floor(us / 1000);
}
