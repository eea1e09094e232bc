import type { Heartbeat } from "../../store.ts";

/** For how long a heartbeat is kept that the store did not confirm, ms. */
export const keptMs = 10_000;
/** Of a tick at most; about a millisecond of a Redis server. */
export const carriedMax = 1_000;
/** What a tick may still carry after any number of failed ones. */
export const carriedMin = 16;
/** For how long at most one node's ticks do not advance a shard's clock, ms. */
export const withheldMaxMs = 10_000;

/** Heartbeats that are kept, of all shards that share it. */
export interface KeptBound {
  used: number;
  readonly limit: number;
}

/** Of all shards of a store; they only grow. */
export interface KeptCounts {
  /** Told to the store by a tick, or decided by it. */
  delivered: number;
  /** Not delivered: their time was over, or there was no room. */
  lost: number;
  /** Ticks that did not advance the clock. */
  withheld: number;
}

/** A heartbeat whose member is known. */
interface CarriedHeartbeat {
  readonly session: Heartbeat;
  readonly member: string;
  /** No earlier than the shard clock was when it came; undefined: the clock was not known. */
  readonly reckonedMs: number | undefined;
  readonly keptUntilMs: number;
}

/** A heartbeat that only the user's record can decide about. */
export interface UndecidedHeartbeat {
  readonly session: Heartbeat;
  readonly keptUntilMs: number;
}

/** What one tick takes along. */
export interface Load {
  readonly heartbeats: readonly CarriedHeartbeat[];
  /** Whether the tick may advance the clock: "unless-missing" if every heartbeat it carries found its deadline. */
  readonly advance: "never" | "unless-missing" | "always";
}

/**
 * The heartbeats of one shard that the store did not confirm: each tick carries some, so that a link over which ticks
 * get through never makes time pass for sessions whose heartbeats do not. Holds one a session, whichever was reckoned
 * latest; no commands.
 */
export class KeptHeartbeats {
  readonly #bound: KeptBound;
  readonly #counts: KeptCounts;
  /** By member. */
  readonly #carried = new Map<string, CarriedHeartbeat>();
  /** By user, device and session. */
  readonly #undecided = new Map<string, UndecidedHeartbeat>();
  #carriedMax = carriedMax;
  /** Until then one is missing for which there was no room. */
  #shortUntilMs = Number.NEGATIVE_INFINITY;
  #withheldSinceMs: number | undefined;

  constructor(bound: KeptBound, counts: KeptCounts) {
    this.#bound = bound;
    this.#counts = counts;
  }

  get size(): number {
    return this.#carried.size + this.#undecided.size;
  }

  /**
   * @param member undefined, or of a deadline that was not found: decided by the record
   * @param came.reckonedMs no earlier than the shard clock was when it came; undefined: not known
   * @param came.atMs monotonic
   */
  keep(
    session: Heartbeat,
    member: string | undefined,
    came: { readonly reckonedMs: number | undefined; readonly atMs: number },
  ): void {
    const keptUntilMs = came.atMs + keptMs;
    if (member === undefined) {
      this.#putUndecided({ session, keptUntilMs });
      return;
    }
    const before = this.#carried.get(member);
    const reckonedMs = before === undefined ? came.reckonedMs : later(before.reckonedMs, came.reckonedMs);
    this.#put(this.#carried, member, { session, member, reckonedMs, keptUntilMs });
  }

  /** What a tick that is sent now takes along. */
  load(nowMs: number): Load {
    // Nearly always.
    if (this.size === 0 && this.#shortUntilMs === Number.NEGATIVE_INFINITY) return nothing;
    this.#forgetOld(nowMs);
    const heartbeats: CarriedHeartbeat[] = [];
    for (const heartbeat of this.#carried.values()) {
      if (heartbeats.length === this.#carriedMax) break;
      heartbeats.push(heartbeat);
    }
    return { heartbeats, advance: this.#advance(heartbeats.length, nowMs) };
  }

  /**
   * A tick was answered.
   * @param missing indexes of its heartbeats that found no deadline: they are decided by the record from now on
   */
  ticked({ heartbeats }: Load, missing: readonly number[], advanced: boolean, nowMs: number): void {
    this.#carriedMax = Math.min(carriedMax, this.#carriedMax * 2);
    if (advanced) this.#withheldSinceMs = undefined;
    else {
      this.#counts.withheld++;
      this.#withheldSinceMs ??= nowMs;
    }
    const isMissing = new Set(missing);
    for (const [index, heartbeat] of heartbeats.entries()) {
      // A later heartbeat of that session has come meanwhile: it goes with the next tick.
      if (this.#carried.get(heartbeat.member) !== heartbeat) continue;
      this.#drop(this.#carried, heartbeat.member);
      if (isMissing.has(index)) this.#putUndecided(heartbeat);
      else this.#counts.delivered++;
    }
  }

  /** A tick failed, or its answer was lost: the less the next one carries, the likelier it gets through. */
  tickFailed(): void {
    this.#carriedMax = Math.max(carriedMin, Math.floor(this.#carriedMax / 2));
  }

  /** Those to be decided by the record, at most `limit`. */
  undecided(limit: number): UndecidedHeartbeat[] {
    return [...this.#undecided.values()].slice(0, limit);
  }

  /** The record has decided about it. */
  decided(heartbeat: UndecidedHeartbeat): void {
    const key = keyOf(heartbeat.session);
    if (this.#undecided.get(key) !== heartbeat) return;
    this.#drop(this.#undecided, key);
    this.#counts.delivered++;
  }

  #advance(carried: number, nowMs: number): Load["advance"] {
    // One node's trouble must not keep the sessions of all others for ever.
    if (this.#withheldSinceMs !== undefined && nowMs - this.#withheldSinceMs >= withheldMaxMs) return "always";
    const isComplete = carried === this.#carried.size && this.#undecided.size === 0 && this.#shortUntilMs <= nowMs;
    return isComplete ? "unless-missing" : "never";
  }

  #forgetOld(nowMs: number): void {
    if (this.#shortUntilMs <= nowMs) this.#shortUntilMs = Number.NEGATIVE_INFINITY;
    for (const kept of [this.#carried, this.#undecided]) {
      for (const [key, { keptUntilMs }] of kept) {
        if (keptUntilMs > nowMs) continue;
        this.#drop(kept, key);
        this.#counts.lost++;
      }
    }
  }

  #putUndecided(heartbeat: UndecidedHeartbeat): void {
    const key = keyOf(heartbeat.session);
    const before = this.#undecided.get(key);
    if (before === undefined || before.keptUntilMs < heartbeat.keptUntilMs) this.#put(this.#undecided, key, heartbeat);
  }

  #put<Kept extends { readonly keptUntilMs: number }>(kept: Map<string, Kept>, key: string, heartbeat: Kept): void {
    if (kept.has(key)) this.#drop(kept, key);
    if (this.#bound.used >= this.#bound.limit) {
      this.#counts.lost++;
      this.#shortUntilMs = Math.max(this.#shortUntilMs, heartbeat.keptUntilMs);
      return;
    }
    this.#bound.used++;
    kept.set(key, heartbeat);
  }

  #drop(kept: Map<string, unknown>, key: string): void {
    kept.delete(key);
    this.#bound.used--;
  }
}

const nothing: Load = { heartbeats: [], advance: "unless-missing" };

/** undefined: not known, and then the store's own clock counts, which is never less. */
function later(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : Math.max(one, other);
}

function keyOf({ userId, deviceId, sessionId }: Heartbeat): string {
  return `${userId}\0${deviceId}\0${sessionId}`;
}
