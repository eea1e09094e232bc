import type { RedisLink } from "@realchat/presence-redis";
import type { TwoClocks } from "../../../domain/late-change.ts";
import type { OrderReading } from "../../../domain/order-clock.ts";
import type { Witness } from "../../../domain/recovery.ts";
import type { Tick } from "../../store.ts";
import type { ShardKeys } from "../keys.ts";
import { ReckonedClock } from "./reckoned-clock.ts";
import { StoreTime } from "./store-time.ts";

/** Nobody's version is that far ahead of clock and log, µs, but one that another program wrote. */
const plausibleLeadUs = 86_400_000_000;

/** Leases that are lost or closed at one moment whose sessions are hidden at most; those of more are listed until they are down. */
export const hiddenLeasesMax = 1_000;

/** What a tick told of the shard, and what its two clocks read then. */
interface TickAnswer extends OrderReading {
  readonly tick: Tick;
  readonly incarnation: string;
  readonly hidden: readonly string[];
  readonly dataSince: number;
}

/** A shard as this node knows it. */
export class ShardState {
  readonly number: number;
  readonly keys: ShardKeys;
  /** To the server that has it. */
  readonly link: RedisLink;
  readonly clock: ReckonedClock;
  /** Wall clock of that server, and the order clock. */
  readonly time = new StoreTime();
  #incarnation = "";
  #tickedVersion = 0;
  #generation = 0;
  #lastVersion = 0;
  /** Beyond it, a version is none. */
  #plausibleMax = 0;
  #recoveringMs = 0;
  #begin = 0;
  #dataSince = 0;
  #hiddenLeases: ReadonlySet<string> = new Set();
  #isProven = false;

  /** @param clockCapMs see tickCapMs */
  constructor(number: number, keys: ShardKeys, link: RedisLink, clockCapMs: number) {
    this.number = number;
    this.keys = keys;
    this.link = link;
    this.clock = new ReckonedClock(clockCapMs);
  }

  /** What this node saw of it, wherever that is now. */
  get witness(): Witness {
    return { incarnation: this.#incarnation, tickedVersion: this.#tickedVersion, version: this.#lastVersion };
  }

  /** Grows with each incarnation that this node meets. */
  get generation(): number {
    return this.#generation;
  }

  /** The highest version that this node has seen, 0 if none. */
  get lastVersion(): number {
    return this.#lastVersion;
  }

  /** Whether the present connection was ticked: until then its server may be another, and have lost what was seen. */
  get isProven(): boolean {
    return this.#isProven;
  }

  /** Whether it began anew less than a TTL of its clock ago, by the last tick. */
  get isRecovering(): boolean {
    return this.#recoveringMs > 0;
  }

  /** What both clocks of the shard read at that monotonic time at most; good once a tick was answered. */
  momentAt(atMs: number): TwoClocks {
    return { nowUs: this.time.readUs(atMs), clockMs: this.clock.boundMs(atMs) ?? 0 };
  }

  /** The version at which it began anew, by the last tick; 0: it never did. */
  get begin(): number {
    return this.#begin;
  }

  /** See ShardKeeping.dataSince. */
  get dataSince(): number {
    return this.#dataSince;
  }

  /** Leases that were lost or closed by the last tick: readers are not shown what is under them. */
  get hiddenLeases(): ReadonlySet<string> {
    return this.#hiddenLeases;
  }

  /** The connection is another one, or none. */
  interrupted(): void {
    this.clock.interrupted();
    this.#isProven = false;
  }

  /** @param sentAtMs monotonic time when the tick was sent, `answeredAtMs`: when its answer came */
  ticked(answer: TickAnswer, sentAtMs: number, answeredAtMs: number): void {
    const { tick, incarnation, hidden, nowUs, dataSince } = answer;
    this.clock.ticked(tick.clockMs, sentAtMs);
    this.time.ticked(answer, sentAtMs, answeredAtMs);
    if (incarnation !== this.#incarnation) this.#generation += 1;
    this.#incarnation = incarnation;
    this.#tickedVersion = tick.lastVersion;
    this.#recoveringMs = tick.recoveringMs;
    this.#begin = tick.begin;
    this.#dataSince = dataSince;
    if (hidden.length > 0 || this.#hiddenLeases.size > 0) this.#hiddenLeases = new Set(hidden);
    this.#isProven = true;
    this.#plausibleMax = Math.max(tick.lastVersion, nowUs) + plausibleLeadUs;
    this.saw(tick.lastVersion);
  }

  saw(version: number): void {
    if (version > this.#lastVersion && version <= this.#plausibleMax) this.#lastVersion = version;
  }
}
