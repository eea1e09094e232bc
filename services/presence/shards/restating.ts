import { type Cancel, type Clock, pause } from "@realchat/presence-runtime/clock";
import type { RecordKeeping, RestateDuty, Tick } from "../store/store.ts";

/** Of all nodes together. Redis takes about 10 µs for each, with what publishing costs: a seventh of its time. */
const usersPerSecond = 13_000;
/** After a part of a step, Redis is left to others for at least this share of the time that the part took. */
const restShare = 0.5;
/** By how much a walk may be behind its pace and make up for it, ms: for what timers and answers take on a busy machine. */
const behindMaxMs = 250;
/** Until it looks again whether something is to be restated, and until it repeats a step that was not done, ms. */
const idleMs = 100;
/** From the first shard that has to be restated until a walk begins, so that it serves all that began together, ms. */
const gatherMs = 500;
/** How long a walk waits for what was not done before it goes on without those shards, ms. */
const undoneMaxMs = 5_000;
/** After a walk that left shards out, or a step that failed, ms. */
const restMs = 1_000;

export interface Restated {
  /** Those that were completed. */
  readonly shards: readonly number[];
  readonly users: number;
  readonly tookMs: number;
}

/** One scan of all records. */
interface Walk {
  /** Of which it has left nobody out so far: none of them began anew, and all were there when it began. */
  readonly duties: Map<number, RestateDuty>;
  /** Shards that have to wait for the next walk. */
  readonly leftOut: Set<number>;
  readonly startedMs: number;
  /** When by the pace the next part of a step begins; monotonic ms. */
  dueMs: number;
  cursor: string;
  users: number;
  /** How long its present step has waited for what was not done, ms. */
  waitedMs: number;
}

/**
 * Says again who is online, of each shard that this node publishes, once it began anew and no longer recovers. One walk
 * serves all of them:
 *
 *   nothing to do ──► walk: step, step, … ──► complete each shard that was there from the first step to the last
 *        ▲                 │ a step failed: its cursor is worth nothing     │
 *        └─────────────────┴────────────────────────────────────────────────┘
 *
 * Whoever was restated already is passed over, so to start over costs little. A shard that comes to it during a walk is
 * restated from there on, and completed by the next, which finds most of its users done.
 */
export class Restating {
  readonly #store: Pick<RecordKeeping, "restate" | "completeRestating">;
  readonly #shardCount: number;
  readonly #duties: () => ReadonlyMap<number, RestateDuty>;
  readonly #clock: Clock;
  readonly #onStarted: (shards: readonly number[]) => void;
  readonly #onEnded: (restated: Restated) => void;
  /** Begins that wait for being restated, by shard; by the last tick. */
  readonly #waiting = new Map<number, number>();
  #walk: Walk | undefined;
  #gatheringSinceMs: number | undefined;
  #cancel: Cancel = () => {};
  #stopped = false;
  /** Users who were restated. */
  users = 0;

  constructor(options: {
    store: Pick<RecordKeeping, "restate" | "completeRestating">;
    shardCount: number;
    /** Of the shards that this node publishes. */
    duties: () => ReadonlyMap<number, RestateDuty>;
    clock: Clock;
    onStarted: (shards: readonly number[]) => void;
    onEnded: (restated: Restated) => void;
  }) {
    this.#store = options.store;
    this.#shardCount = options.shardCount;
    this.#duties = options.duties;
    this.#clock = options.clock;
    this.#onStarted = options.onStarted;
    this.#onEnded = options.onEnded;
  }

  start(): void {
    this.#schedule(idleMs);
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  /** A shard that recovers is not restated yet: not all who live are back. */
  onTick(shard: number, { begin, isRestated, recoveringMs }: Tick): void {
    if (isRestated || recoveringMs > 0) this.#waiting.delete(shard);
    else this.#waiting.set(shard, begin);
  }

  /** Shards that this node has to restate, or is restating. */
  get shards(): number {
    return this.#due().size;
  }

  #due(): Map<number, RestateDuty> {
    // Nearly always.
    if (this.#waiting.size === 0) return new Map();
    return new Map([...this.#duties()].filter(([shard, { begin }]) => this.#waiting.get(shard) === begin));
  }

  #schedule(delayMs: number): void {
    if (!this.#stopped) this.#cancel = this.#clock.after(delayMs, () => void this.#run());
  }

  async #run(): Promise<void> {
    let pauseMs = restMs;
    try {
      pauseMs = await this.#advance();
    } catch {
      // The store's health says why. A cursor is of one server, and it may be another by then.
      this.#end([]);
    }
    this.#schedule(pauseMs);
  }

  /** @returns how long to rest, ms */
  async #advance(): Promise<number> {
    const due = this.#due();
    const walk = this.#walk ?? this.#begin(due);
    if (walk === undefined) return idleMs;
    for (const [shard, { begin }] of walk.duties) {
      const now = due.get(shard);
      // Another fencing number is none of the walk's concern: what its node had not done for want of it, it repeats.
      if (now?.begin === begin) walk.duties.set(shard, now);
      else walk.duties.delete(shard);
    }
    if (walk.duties.size === 0) return this.#end([]);
    return this.#step(walk, due);
  }

  #begin(due: Map<number, RestateDuty>): Walk | undefined {
    const nowMs = this.#clock.monotonicMs();
    if (due.size === 0) this.#gatheringSinceMs = undefined;
    else this.#gatheringSinceMs ??= nowMs;
    if (this.#gatheringSinceMs === undefined || nowMs - this.#gatheringSinceMs < gatherMs) return undefined;
    this.#onStarted([...due.keys()]);
    const walk = {
      duties: new Map(due),
      leftOut: new Set<number>(),
      startedMs: nowMs,
      dueMs: nowMs,
      cursor: "",
      users: 0,
      waitedMs: 0,
    };
    this.#walk = walk;
    return walk;
  }

  async #step(walk: Walk, due: Map<number, RestateDuty>): Promise<number> {
    for (const shard of walk.leftOut) due.delete(shard);
    let [partMs, before] = [this.#clock.monotonicMs(), 0];
    const restMs = (users: number) => this.#restMs(walk, partMs, (users - before) / due.size);
    const rest = async (users: number) => {
      await pause(this.#clock, restMs(users));
      [partMs, before] = [this.#clock.monotonicMs(), users];
    };
    const { cursor, restated, undone, failed } = await this.#store.restate(walk.cursor, due, rest);
    walk.users += restated;
    this.users += restated;
    for (const shard of failed) leaveOut(walk, shard);
    if (undone.size > 0 && walk.waitedMs < undoneMaxMs) {
      walk.waitedMs += idleMs;
      return idleMs;
    }
    for (const shard of undone) leaveOut(walk, shard);
    walk.waitedMs = 0;
    walk.cursor = cursor;
    return cursor === "" ? this.#complete(walk) : restMs(restated);
  }

  /**
   * After a part of a step that began at partMs. Each node has its share of the pace.
   * @param usersOfShard restated by it, on average
   */
  #restMs(walk: Walk, partMs: number, usersOfShard: number): number {
    const paceMs = (usersOfShard * 1_000 * this.#shardCount) / usersPerSecond;
    const nowMs = this.#clock.monotonicMs();
    walk.dueMs = Math.max(walk.dueMs, partMs - behindMaxMs) + paceMs;
    return Math.max(walk.dueMs - nowMs, (nowMs - partMs) * restShare);
  }

  async #complete(walk: Walk): Promise<number> {
    const completed: number[] = [];
    for (const [shard, { begin }] of walk.duties) {
      const duty = this.#duties().get(shard);
      if (duty?.begin !== begin) continue;
      const isComplete = await this.#store.completeRestating(shard, duty).catch(() => false);
      if (!isComplete) continue;
      this.#waiting.delete(shard);
      completed.push(shard);
    }
    this.#end(completed);
    return completed.length > 0 ? idleMs : restMs;
  }

  #end(shards: readonly number[]): number {
    const walk = this.#walk;
    this.#walk = undefined;
    if (walk === undefined) return idleMs;
    this.#onEnded({ shards, users: walk.users, tookMs: this.#clock.monotonicMs() - walk.startedMs });
    return restMs;
  }
}

function leaveOut(walk: Walk, shard: number): void {
  walk.leftOut.add(shard);
  walk.duties.delete(shard);
}
