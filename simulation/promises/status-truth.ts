import type { TruthClock } from "./truth-clock.ts";

/** What somebody says about a user, until when. */
export interface SaidStatus {
  readonly availability: string;
  /** Unlike that of any other. */
  readonly text: string;
  /** Wall clock of the store, ms; Infinity: it has no end. */
  readonly endsMs: number;
  /** For how long whoever says it says it again after a loss, ms. */
  readonly lastsMs: number;
}

/** A status that was said, or undefined: one that was taken back. */
type Saying = SaidStatus | undefined;

/** What became of something that was said: `ending` leaves open whether presence has noticed its end. */
interface Life {
  state: "holds" | "ending" | "over";
  /** Deadline clock when its end had come, as far as that is known, ms. */
  overSinceMs: number | undefined;
  /** True time until which it is said again after a loss, ms. */
  readonly keptUntilMs: number;
  /** True time when something else was taken in its place, ms. */
  replacedMs: number;
}

/** When it is looked at a user's claims. */
interface Moment {
  /** True time, ms. */
  readonly nowMs: number;
  /** The store's wall clock, and the most that it showed since the last look, ms. */
  readonly wallMs: number;
  readonly reachedMs: number;
  /** The deadline clock, and until when on it the shard recovers, ms. */
  readonly clockMs: number;
  readonly recoveredMs: number;
}

interface ClaimTruth {
  /** That presence took last. */
  last: Saying;
  /** Those that presence may have taken since, and until when they may be carried out late, true time, ms. */
  readonly maybe: Map<Saying, number>;
  /** What is being said: it may be taken though its end had come, by a clock that is stepped back. */
  asking: Saying;
  /** All that may come back with a store of before. */
  readonly said: Map<SaidStatus, Life>;
  /** The store lost data since then, and whoever said it may still have to say it again. */
  isLost: boolean;
  /** A call that was sent before the store lost data may have been carried out before that, too. */
  isAskedSince: boolean;
}

/** What may be claimed of a user; the first decides. */
export const claimIds = ["self", "calendar"] as const;
const nothingSaid: ReadonlySet<Saying> = new Set([undefined]);
/** A call that was not answered may be carried out as long after a later one, ms. */
const lateMs = 60_000;
/** How much more than true time a wall clock may count between two looks, ms. */
const clockSlackMs = 10;
/** From when a claim's end comes, until a tick has ended it: a second, and how far a clock that is read may be behind; deadline clock, ms. */
const endsWithinMs = 2_100;
/** From the end of a recovery until what was said is said again, also by whom presence refused before; deadline clock, ms. */
const saysAgainMs = 20_000;
/** For how long after its end, or after another one, a status is remembered: a store may come back with it, ms. */
const rememberedMs = 300_000;

/** Says what people may see of users who are online, from what was said of them and answered. */
export class StatusTruth {
  readonly #clock: TruthClock;
  /** By user, then by claim_id. */
  readonly #claims = new Map<string, Map<string, ClaimTruth>>();
  /** By user, as of the last look. */
  readonly #shown = new Map<string, ReadonlySet<string>>();
  #looked: { readonly nowMs: number; readonly wallMs: number };

  constructor(clock: TruthClock) {
    this.#clock = clock;
    this.#looked = { nowMs: clock.nowMs(), wallMs: clock.wallMs() };
  }

  /** A call that says it, or takes it back, is sent. One at a time of each user. */
  asked(userId: string, claimId: string, saying: Saying): void {
    const claim = this.#claim(userId, claimId);
    claim.maybe.set(saying, Number.POSITIVE_INFINITY);
    claim.asking = saying;
    claim.isAskedSince = true;
    if (saying === undefined) return;
    const keptUntilMs = this.#clock.nowMs() + saying.lastsMs;
    const life = { state: "holds", overSinceMs: undefined, keptUntilMs, replacedMs: Number.POSITIVE_INFINITY } as const;
    claim.said.set(saying, life);
  }

  /** Presence has done so. @param isRepeated an earlier call may still do so, later than what is said next */
  answered(userId: string, claimId: string, saying: Saying, isRepeated: boolean): void {
    const claim = this.#claim(userId, claimId);
    if (!isRepeated) claim.maybe.delete(saying);
    claim.last = saying;
    claim.asking = undefined;
    const taken = saying && claim.said.get(saying);
    if (taken !== undefined) Object.assign(taken, { state: "holds", overSinceMs: undefined });
    claim.isLost &&= !claim.isAskedSince;
    const nowMs = this.#clock.nowMs();
    for (const [other, untilMs] of claim.maybe) claim.maybe.set(other, Math.min(untilMs, nowMs + lateMs));
    for (const [other, life] of claim.said) if (other !== saying) life.replacedMs = Math.min(life.replacedMs, nowMs);
  }

  /** The store's log tells it of the user, who is online: if a call was carried out late, that holds. @param words see keyOf */
  logged(userId: string, words: string): void {
    for (const claimId of claimIds) {
      const claim = this.#claims.get(userId)?.get(claimId);
      if (claim === undefined) continue;
      const saying = [...claim.maybe.keys()].find((each) => each && keyOf(each) === words);
      if (claim.maybe.has(saying)) claim.maybe.set(saying, Number.POSITIVE_INFINITY);
      if (saying !== undefined || (claim.last && keyOf(claim.last) === words)) return;
    }
  }

  /** The store lost data: all that was ever said may be there, or not. */
  lost(): void {
    this.#shown.clear();
    for (const claims of this.#claims.values()) {
      for (const claim of claims.values()) {
        claim.isLost = true;
        claim.isAskedSince = false;
        for (const life of claim.said.values()) Object.assign(life, { state: "holds", overSinceMs: undefined });
        for (const saying of claim.said.keys()) claim.maybe.set(saying, Number.POSITIVE_INFINITY);
      }
    }
  }

  /** Call it about once a second. */
  look(): void {
    const [nowMs, wallMs] = [this.#clock.nowMs(), this.#clock.wallMs()];
    // It may have been stepped back since.
    const reachedMs = Math.max(wallMs, this.#looked.wallMs + nowMs - this.#looked.nowMs + clockSlackMs);
    this.#looked = { nowMs, wallMs };
    for (const [userId, claims] of this.#claims) {
      const clockMs = this.#clock.deadlineClockMs(userId);
      const moment = { nowMs, wallMs, reachedMs, clockMs, recoveredMs: this.#clock.recoveringUntilMs(userId) };
      for (const claim of claims.values()) {
        if (this.#look(claim, moment)) this.#shown.delete(userId);
      }
    }
  }

  /** As `keyOf` has them, all that people may see of the user while online. */
  shown(userId: string): ReadonlySet<string> {
    const known = this.#shown.get(userId) ?? this.#mayShow(userId);
    this.#shown.set(userId, known);
    return known;
  }

  #mayShow(userId: string): ReadonlySet<string> {
    const shown = new Set<string>();
    for (const claimId of claimIds) {
      const claim = this.#claims.get(userId)?.get(claimId);
      const sayings = claim === undefined ? nothingSaid : this.#possible(claim);
      for (const saying of sayings) if (saying !== undefined) shown.add(keyOf(saying));
      if (!sayings.has(undefined)) return shown;
    }
    for (const plain of plainKeys) shown.add(plain);
    return shown;
  }

  #possible({ last, maybe, said, isLost }: ClaimTruth): ReadonlySet<Saying> {
    const possible = new Set<Saying>(isLost ? [undefined] : []);
    for (const saying of [last, ...maybe.keys()]) {
      const state = saying === undefined ? "over" : (said.get(saying)?.state ?? "over");
      if (state !== "over") possible.add(saying);
      if (state !== "holds") possible.add(undefined);
    }
    return possible;
  }

  /** @returns whether what may be shown may be something else than before */
  #look(claim: ClaimTruth, moment: Moment): boolean {
    const { nowMs, wallMs, clockMs, recoveredMs } = moment;
    let isOther = false;
    for (const [status, life] of claim.said) {
      if (ages(status, life, moment, claim.asking === status)) isOther = true;
      const isOld = nowMs > life.replacedMs + rememberedMs || wallMs > status.endsMs + rememberedMs;
      if (isOld && !claim.maybe.has(status)) isOther = claim.said.delete(status);
    }
    for (const [saying, untilMs] of claim.maybe) if (untilMs < nowMs) isOther = claim.maybe.delete(saying);
    if (!claim.isLost || clockMs <= recoveredMs + saysAgainMs) return isOther;
    this.#saidAgain(claim);
    return true;
  }

  /** What was said last is said again, and replaces what came back. What was taken back is not: it stays until its end. */
  #saidAgain(claim: ClaimTruth): void {
    claim.isLost = false;
    const life = claim.last && claim.said.get(claim.last);
    if (life?.state !== "holds") return;
    if (this.#clock.nowMs() < life.keptUntilMs) claim.maybe.clear();
    // By its own clock it is over for whoever said it.
    else life.state = "ending";
  }

  /** Of which something changes. */
  #claim(userId: string, claimId: string): ClaimTruth {
    this.#shown.delete(userId);
    const claims = this.#claims.get(userId) ?? new Map<string, ClaimTruth>();
    this.#claims.set(userId, claims);
    const claim = claims.get(claimId) ?? newClaim();
    claims.set(claimId, claim);
    return claim;
  }
}

/** @returns whether its state is another one than before */
function ages(status: SaidStatus, life: Life, moment: Moment, isAsking: boolean): boolean {
  const { wallMs, reachedMs, clockMs, recoveredMs } = moment;
  const before = life.state;
  if (before === "over") return false;
  // Should the clock be stepped back, it stays open whether a tick came in between.
  if (reachedMs >= status.endsMs) life.state = "ending";
  if (wallMs < status.endsMs) {
    life.overSinceMs = undefined;
  } else {
    life.overSinceMs ??= clockMs;
    if (!isAsking && clockMs - Math.max(life.overSinceMs, recoveredMs) > endsWithinMs) life.state = "over";
  }
  return life.state !== before;
}

function newClaim(): ClaimTruth {
  return { last: undefined, maybe: new Map(), asking: undefined, said: new Map(), isLost: false, isAskedSince: false };
}

/** Of users who are online and of whom nothing is said: those whose devices are used, and those who are idle. */
export const plainKeys = ["available", "away"] as const;

/** As people see a status: `busy: in a meeting`. */
export function keyOf({
  availability,
  text,
}: {
  readonly availability: string | undefined;
  readonly text: string;
}): string {
  const shown = availability ?? "offline";
  return text === "" ? shown : `${shown}: ${text}`;
}
