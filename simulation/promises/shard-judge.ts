import type { ShardTick } from "./truth-clock.ts";

/** A shard as its judge knows it. */
interface Shard {
  /** Data were, or may have been, lost since it began: `must` where nothing else can be, `may` where a witness decides. */
  loss: "must" | "may" | undefined;
  /** Undisturbed time when they were, ms. */
  lostCalmMs: number;
  /** Its begin is above all that was ever written before. */
  isAboveAll: boolean;
  /** Highest version that was ever written, also by data that are lost. */
  highest: number;
  /** Which left its clock highest. */
  tick: ShardTick;
}

/** In undisturbed time, until a loss has been noticed, ms. */
const noticedMs = 10_000;
/** How much more than true time a clock may count from one tick to another: drift, and a begin; ms. */
const clockSlackMs = 100;
/** The same, for each time that the wall clock was stepped forward in between: a tick's cap, ms. */
const stepMs = 1_000;

/** Says what is wrong with how shards begin anew (P8), and with their clocks (P6). */
export class ShardJudge {
  readonly #shards: Shard[];
  readonly #object: (promise: string, shard: number, message: string) => void;

  constructor(shardCount: number, object: (promise: string, shard: number, message: string) => void) {
    this.#object = object;
    this.#shards = Array.from({ length: shardCount }, () => ({
      ...{ loss: "may" as const, lostCalmMs: 0, isAboveAll: false, highest: 0 },
      tick: { clockMs: 0, atMs: Number.NEGATIVE_INFINITY, steps: 0 },
    }));
  }

  /** The store lost data. @param must false: data of before came back, and only who saw what they lack can notice */
  lost(must: boolean, calmMs: number): void {
    for (const shard of this.#shards) {
      shard.loss = must ? "must" : "may";
      shard.lostCalmMs = calmMs;
    }
  }

  /** A shard begins anew, and why. */
  begins(number: number, why: string): void {
    const shard = this.#shards[number] as Shard;
    // A begin below what another node saw is corrected by that one.
    if (shard.loss === undefined && shard.isAboveAll) {
      this.#object("P8", number, `it begins again, ${why}, though nothing was lost since it began`);
    }
    shard.loss = undefined;
  }

  /** An entry was written. */
  wrote(number: number, version: number, isBegin: boolean): void {
    const shard = this.#shards[number] as Shard;
    if (isBegin) shard.isAboveAll = version > shard.highest;
    shard.highest = Math.max(shard.highest, version);
  }

  /** Call it about once a second. */
  look(calmMs: number, tickOf: (shard: number) => ShardTick): void {
    for (const [number, shard] of this.#shards.entries()) {
      if (shard.loss === "must" && calmMs - shard.lostCalmMs > noticedMs) {
        this.#object("P8", number, `it goes on, ${noticedMs} ms after its data were lost`);
        shard.loss = undefined;
      }
      this.#judgeClock(number, shard, tickOf(number));
    }
  }
  #judgeClock(number: number, shard: Shard, tick: ShardTick): void {
    const countedMs = tick.clockMs - shard.tick.clockMs;
    if (countedMs <= 0) return;
    const passedMs = tick.atMs - shard.tick.atMs;
    const steppedMs = stepMs * (tick.steps - shard.tick.steps);
    if (countedMs > passedMs + steppedMs + clockSlackMs) {
      this.#object("P6", number, `its clock counted ${Math.round(countedMs)} ms in ${Math.round(passedMs)} ms`);
    }
    shard.tick = tick;
  }
}
