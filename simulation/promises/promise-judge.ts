import { isMark, type LogEntry } from "../../services/presence/domain/log-entry.ts";
import { shardOf } from "../../services/presence/domain/shard.ts";
import type { Transition } from "../../services/presence/domain/transition.ts";
import type { GroundTruth, Use, Verdict } from "./ground-truth.ts";
import { type Belief, Reader } from "./reader.ts";
import { ShardJudge } from "./shard-judge.ts";
import { type CalmMark, StatusJudge } from "./status-judge.ts";
import type { StatusTruth } from "./status-truth.ts";
import { type Timeline, timeOf } from "./timeline.ts";
import type { TruthClock } from "./truth-clock.ts";

/** For how long a reader may believe what is not true, ms in which nothing was disturbed. */
export interface Bounds {
  /** That the store has a user online who is gone, however disturbed: changes may be carried out late; ms of deadline clock. */
  readonly goneMs: number;
  /** That a user is offline who is there. */
  readonly offlineMs: number;
  /** That a user is online who is gone. */
  readonly onlineMs: number;
  /** The same when something was disturbed in between: a call may have been on its way all the time. */
  readonly disturbedMs: number;
  /** Until a transition is in Kafka. */
  readonly publishedMs: number;
  /** That a user who is online has a status which is over, or was never said. */
  readonly statusMs: number;
}

/** What a shard's log said of a user last. */
interface LoggedState {
  readonly version: number;
  /** What Kafka's readers have to know by now: of what was lost, that it is below the begin; not that a status changed. */
  publishedVersion: number;
  readonly shard: number;
  /** undefined: nobody can say, since data were lost. */
  online: boolean | undefined;
  /** Deadline clock when it was online first though the user is gone, ms. */
  goneSinceMs: number | undefined;
  /** When that was written. */
  calmMs: number;
  disturbances: number;
  isReported: boolean;
  /** Versions at which it ever said that the user went. */
  readonly ends: Set<number>;
}

/** A promise that was broken. */
interface Violation {
  readonly promise: string;
  readonly userId: string;
  readonly atMs: number;
  readonly message: string;
}

/** Holds what readers are told against the truth. */
export class PromiseJudge {
  readonly violations: Violation[] = [];
  readonly #truth: GroundTruth;
  readonly #clock: TruthClock;
  readonly #timeline: Timeline;
  readonly #bounds: Bounds;
  /** By user, those of all readers that were not dropped. */
  readonly #beliefs = new Map<string, Set<Belief>>();
  readonly #disturbances = new Set<string>();
  readonly #states = new Map<string, LoggedState>();
  readonly #shards: ShardJudge;
  readonly #statuses: StatusTruth;
  readonly #statusJudge: StatusJudge;
  /** Version at which each shard began anew last. */
  readonly #begins: number[];
  /** Version of a user that Kafka has told its readers. */
  publishedOf: (userId: string) => number = () => Number.POSITIVE_INFINITY;
  #disturbanceCount = 0;
  #calmMs = 0;
  #lookedMs: number;
  /** By user, as of this look. */
  readonly #verdicts = new Map<string, Verdict>();
  readonly #uses = new Map<string, Use>();
  readonly #wrongMs = new Map<string, number>();
  #longestMs = 0;

  constructor(options: {
    readonly truth: GroundTruth;
    readonly statuses: StatusTruth;
    readonly clock: TruthClock;
    readonly timeline: Timeline;
    readonly bounds: Bounds;
    readonly shardCount: number;
  }) {
    const { clock, bounds } = options;
    this.#truth = options.truth;
    this.#statuses = options.statuses;
    this.#clock = clock;
    this.#timeline = options.timeline;
    this.#bounds = bounds;
    this.#lookedMs = clock.nowMs();
    this.#begins = Array.from({ length: options.shardCount }, () => 0);
    this.#shards = new ShardJudge(options.shardCount, (promise, shard, message) =>
      this.object(promise, `shard ${shard}`, message),
    );
    this.#statusJudge = new StatusJudge({
      ...{ truth: options.statuses, clock, bounds },
      useOf: (userId) => this.#useOf(userId),
      isRestating: (userId) => this.#truth.isRestating(userId),
      object: (userId, message) => this.object("status", userId, message),
    });
  }

  /** By kind of reader, how long what they believed of users was not true, ms, all users together. */
  get wrongMs(): ReadonlyMap<string, number> {
    return this.#wrongMs;
  }

  /** The longest that a belief was wrong while nothing was disturbed, ms. */
  get longestMs(): number {
    return this.#longestMs;
  }

  get isCalm(): boolean {
    return this.#disturbances.size === 0;
  }

  /**
   * A reader that follows the contract.
   * @param kind such as `kafka`: wrong seconds are summed by it
   * @param users whom it has to know; what it was not told of them is offline
   */
  reader(kind: string, name: string, users: readonly string[]): Reader {
    const reader = new Reader(this, kind, name, users);
    for (const belief of reader.beliefs.values()) {
      const others = this.#beliefs.get(belief.userId) ?? new Set();
      this.#beliefs.set(belief.userId, others.add(belief));
    }
    return reader;
  }

  drop(reader: Reader): void {
    for (const belief of reader.beliefs.values()) this.#beliefs.get(belief.userId)?.delete(belief);
  }

  /** Something is broken on purpose, until it ends. @returns ends it */
  disturb(what: string): () => void {
    this.#look();
    const name = `${what} #${++this.#disturbanceCount}`;
    this.#disturbances.add(name);
    return () => {
      this.#look();
      this.#disturbances.delete(name);
    };
  }

  /** The store lost data. @param must false: only who saw what it lacks can notice */
  lost(must: boolean): void {
    this.#look();
    this.#truth.lost();
    this.#statuses.lost();
    this.#shards.lost(must, this.#calmMs);
  }

  /** A shard begins anew, and why. */
  begins(shard: number, why: string): void {
    this.#shards.begins(shard, why);
  }

  /** A shard's log has a new entry. */
  logged(entry: LogEntry): void {
    const { shard, version } = entry;
    this.#statusJudge.logged(entry);
    this.#shards.wrote(shard, version, isMark(entry) && entry.mark === "begin");
    if (!isMark(entry)) this.#transition(entry);
    else if (entry.mark === "begin") this.#lostBelow(shard, version);
    else this.#goneBelow(shard, entry.begin);
  }

  #transition({ userId, shard, online, version, cause }: Transition): void {
    const before = this.#states.get(userId);
    if (before !== undefined && version <= before.version) {
      this.object("P3", userId, `version ${version} comes after ${before.version}`);
    }
    const ends = before?.ends ?? new Set();
    if (!online) ends.add(version);
    // Readers that know nothing of statuses pass over those.
    const published =
      cause === "STATUS" && before !== undefined
        ? before
        : { publishedVersion: cause === "STATUS" ? 0 : version, isReported: false, ...this.#mark() };
    const { publishedVersion, isReported, calmMs, disturbances } = published;
    this.#states.set(userId, {
      ...{ version, publishedVersion, shard, online, goneSinceMs: undefined, isReported, calmMs, disturbances, ends },
    });
    const living = online ? undefined : this.#truth.living(userId);
    if (living === undefined) return;
    const left = Math.round(living.leftMs);
    this.object("P1", userId, `taken offline while ${living.id} was alive, ${left} ms before its time`);
  }

  /** What was said of users before may be lost; by its reset Kafka's readers know the begin in its stead. */
  #lostBelow(shard: number, begin: number): void {
    this.#begins[shard] = begin;
    for (const [userId, state] of this.#states) {
      if (state.shard !== shard) continue;
      // Whom no reader ever heard of, a reset does not concern.
      if (this.publishedOf(userId) === 0) this.#states.delete(userId);
      const version = Math.min(state.version, begin);
      const publishedVersion = Math.min(state.publishedVersion, begin);
      Object.assign(state, { version, publishedVersion, online: undefined, calmMs: this.#calmMs, disturbances: -1 });
    }
  }

  /** Whoever was not said again since the begin is gone, by a reset that readers may hear of late. */
  #goneBelow(shard: number, begin: number): void {
    for (const state of this.#states.values()) {
      if (state.shard === shard && state.publishedVersion <= begin) state.ends.add(begin);
    }
  }

  #mark(): CalmMark {
    return { calmMs: this.#calmMs, disturbances: this.isCalm ? this.#disturbanceCount : -1 };
  }

  object(promise: string, userId: string, message: string): void {
    const violation = { promise, userId, atMs: this.#clock.nowMs(), message };
    this.violations.push(violation);
    this.#timeline.note("VIOLATION", `${promise}: ${message}`, userId);
  }

  /** Looks at everything; call it about once a second. */
  look(): void {
    this.#look();
    this.#verdicts.clear();
    this.#uses.clear();
    this.#statuses.look();
    this.#shards.look(this.#calmMs, (shard) => this.#clock.shardTick(shard));
    for (const [userId, state] of this.#states) {
      this.#judgePublished(userId, state);
      this.#judgeGone(userId, state);
      this.#statusJudge.look(userId);
    }
    for (const [userId, beliefs] of this.#beliefs) {
      const verdict = this.#verdictOf(userId);
      for (const belief of beliefs) {
        if (!belief.reader.isSynced) continue;
        this.#judge(belief, verdict);
        if (belief.status !== undefined) this.#judgeStatus(belief, verdict);
      }
    }
  }

  /** The violation with what led to it. */
  report({ promise, userId, atMs, message }: Violation): string {
    const lines = this.#timeline.lines({ userId, fromMs: atMs - 600_000, toMs: atMs, linesMax: 80 });
    return [`${promise} of ${userId} at ${timeOf(atMs)}: ${message}`, ...lines.map((line) => `  ${line}`)].join("\n");
  }

  #look(): void {
    const nowMs = this.#clock.nowMs();
    if (this.isCalm) this.#calmMs += nowMs - this.#lookedMs;
    this.#lookedMs = nowMs;
  }

  /** P4: each transition reaches Kafka. */
  #judgePublished(userId: string, state: LoggedState): void {
    if (state.isReported) return;
    const boundMs = state.disturbances === this.#disturbanceCount ? this.#bounds.publishedMs : this.#bounds.disturbedMs;
    if (this.#calmMs - state.calmMs <= boundMs || this.#truth.isRestating(userId)) return;
    const published = this.publishedOf(userId);
    state.isReported = true;
    if (published >= state.publishedVersion) return;
    this.object("P4", userId, `Kafka has version ${published}, and not ${state.publishedVersion}`);
  }

  /** P2, by the store's own log. */
  #judgeGone(userId: string, state: LoggedState): void {
    const clockMs = this.#clock.deadlineClockMs(userId);
    if (state.online !== true || this.#verdictOf(userId) !== "offline") state.goneSinceMs = undefined;
    else state.goneSinceMs ??= clockMs;
    if (state.goneSinceMs === undefined || clockMs - state.goneSinceMs <= this.#bounds.goneMs) return;
    state.online = undefined;
    this.object(
      "P2",
      userId,
      `the store has the user online, ${clockMs - state.goneSinceMs} ms after it had to be gone`,
    );
  }

  #judge(belief: Belief, verdict: Verdict): void {
    const { userId, reader } = belief;
    const isTrue = verdict === "either" || (verdict === "online") === (belief.online ?? false);
    if (belief.wrong !== undefined && (isTrue || belief.wrong.online !== belief.online)) {
      this.#count(reader, belief.wrong.sinceMs);
      belief.wrong = undefined;
      belief.isReported = false;
    }
    if (isTrue) return;
    belief.wrong ??= { online: belief.online, sinceMs: this.#lookedMs, ...this.#mark() };
    const calmMs = this.#calmMs - belief.wrong.calmMs;
    this.#longestMs = Math.max(this.#longestMs, calmMs);
    const wasDisturbed = this.#disturbanceCount !== belief.wrong.disturbances;
    const { offlineMs, onlineMs, disturbedMs } = this.#bounds;
    // What was lost with the store is said again within a TTL; until then answers say that presence recovers, and
    // whoever asks or watches knows.
    const isTold = reader.kind === "watch" || reader.kind === "ask";
    const isUnproven = belief.online === undefined || (!isTold && this.#truth.isRestating(userId));
    const mayWait = belief.online ? wasDisturbed : isUnproven;
    const boundMs = mayWait ? disturbedMs : belief.online ? onlineMs : offlineMs;
    if (calmMs <= boundMs || belief.isReported) return;
    belief.isReported = true;
    const said = belief.online === undefined ? "nothing" : belief.online ? "online" : "offline";
    const forMs = Math.round(this.#lookedMs - belief.wrong.sinceMs);
    this.object(belief.online ? "P2" : "P1", userId, `${reader.name} has ${said} for ${forMs} ms, which is not true`);
  }

  /** Of a user who is there, by a reader that knows it. */
  #judgeStatus(belief: Belief, verdict: Verdict): void {
    if (belief.online && verdict === "online") this.#statusJudge.judge(belief, this.#mark());
    else belief.wrongStatus = undefined;
  }

  #verdictOf(userId: string): Verdict {
    const verdict = this.#verdicts.get(userId) ?? this.#truth.verdict(userId);
    this.#verdicts.set(userId, verdict);
    return verdict;
  }

  #useOf(userId: string): Use {
    const use = this.#uses.get(userId) ?? this.#truth.use(userId);
    this.#uses.set(userId, use);
    return use;
  }

  /** P8: a reader is told that a user went, while presence recovers. */
  toldGone(reader: Reader, userId: string, version: number, wasOnline: boolean): void {
    if (!this.#truth.isRecovering(userId) || this.#truth.verdict(userId) !== "online") return;
    // What was known before the loss may be shown to somebody new; nobody who was shown turns grey by it.
    const isOld = version < (this.#begins[shardOf(userId, this.#begins.length)] ?? 0);
    if (isOld && (!wasOnline || (this.#states.get(userId)?.ends.has(version) ?? false))) return;
    this.object("P8", userId, `${reader.name} is told offline, as version ${version}, while presence recovers`);
  }

  /** Of which users nobody may say now that they are offline, since presence recovers and they are there. */
  unproven(userIds: readonly string[]): string[] {
    return userIds.filter((userId) => this.#truth.isRecovering(userId) && this.#truth.verdict(userId) === "online");
  }

  #count({ kind }: Reader, sinceMs: number): void {
    this.#wrongMs.set(kind, (this.#wrongMs.get(kind) ?? 0) + this.#lookedMs - sinceMs);
  }
}
