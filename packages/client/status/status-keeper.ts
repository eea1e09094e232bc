import type { UserStatus as WireStatus } from "@realchat/presence-proto/presence";
import { ArrivalSet } from "@realchat/presence-runtime/arrival-set";
import { type BackoffLimits, backoffMs } from "@realchat/presence-runtime/backoff";
import { type Cancel, type Clock, systemClock } from "@realchat/presence-runtime/clock";
import type { Bound } from "../bound.ts";
import { forgetEldest } from "../forget-eldest.ts";
import type { PresenceAccess, PresenceApi } from "../grpc/presence-channels.ts";
import { isOfStatusAlone, type PresenceChange } from "../presence-change.ts";
import { PresenceClientError, presenceClientErrorOf } from "../presence-client-error.ts";
import { isRefusal } from "../sessions/call-faults.ts";
import { Pace } from "../sessions/pace.ts";
import { wallTimeOf } from "../wall-time.ts";
import { type HeldClaim, heldClaimOf, mayShow, type StatusClaim, selfClaim, wireClaimOf } from "./status-claim.ts";
import { availabilityOf, type UserStatus, userStatusOf } from "./user-status.ts";

export interface StatusKeeperOptions {
  /** Such as PresenceChannels; it stays open. */
  readonly channels: Pick<PresenceAccess, "api">;
  /** Claims that are remembered, to be said again; default 100,000. Beyond: the oldest are not. */
  readonly claimsMax?: number;
  /** Claims that are said again in a second; default 200. */
  readonly callsPerSecond?: number;
  /** Milliseconds that a call may take; default 3,000. */
  readonly callTimeoutMs?: number;
  readonly clock?: Clock;
}

/** Metrics of a StatusKeeper, since it began and of now. */
export interface StatusKeeperMetrics {
  /** Claims that were set and cleared, and calls for that which failed. */
  readonly set: number;
  readonly cleared: number;
  readonly failures: number;
  /** Times that presence may have lost claims; claims said again, and attempts at that which failed. */
  readonly losses: number;
  readonly saidAgain: number;
  readonly sayAgainFailures: number;
  /** Claims that were dropped because there were too many: they are not said again. */
  readonly forgotten: number;
  /** Claims that are remembered, and those of them that are to be said again. */
  readonly bounds: Readonly<Record<"claims" | "claimsToSay", Bound>>;
}

/** What people see of a user, as of a version: an event with a higher one is newer. */
export interface ToldStatus {
  readonly status: UserStatus;
  readonly version: number;
}

/** The claims of a user, and what follows from them. */
export interface UserClaims extends ToldStatus {
  readonly claims: readonly HeldClaim[];
}

/** How long a claim lasts without an end: docs/contract.md#status */
const claimMaxMs = 30 * 86_400_000;
/** Over how long those that noticed a loss together spread their first call, ms. */
const spreadMs = 2_000;
const sayAgainMax = 16;
const sweepMs = 60_000;
/** Until a loss is noticed: what is heard may come of it, ms. */
const noticedMs = 30_000;
const retryPace: BackoffLimits = { firstMs: 1_000, capMs: 15_000 };

/** As `watch` and the feed tell it. */
type HeardChange = Pick<PresenceChange, "userId" | "online" | "version" | "status" | "cause">;

interface KeptClaim {
  readonly userId: string;
  claim: HeldClaim;
  /** Of the user, when it was set, or said again and showed. */
  version: number;
  failures: number;
  /** When it was heard that the user has another status, monotonic ms; undefined: it was not. */
  supersededMs: number | undefined;
  /** It is being said again. */
  underWay: Promise<void> | undefined;
}

/**
 * Sets what people, calendars and calls say of users, and says it again when presence may have lost it. What was said again
 * is no new claim: what somebody said or cleared since stays. Give it to a SessionKeeper, which notices losses; without one call
 * `sayAgain` at each `recovering` of `watch`, or at `reset` of the feed.
 */
export class StatusKeeper {
  readonly #api: PresenceApi;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #claimsMax: number;
  readonly #pace: Pace;
  /** By user and claim_id, in the order in which they were set. */
  readonly #kept = new Map<string, KeptClaim>();
  /** Those to be said again. */
  readonly #toSay = new ArrivalSet<KeptClaim>();
  /** Those that could not be said again, and rest. */
  readonly #resting = new Map<KeptClaim, Cancel>();
  readonly #stopSweeping: Cancel;
  #cancelSpread: Cancel = () => {};
  readonly #counters = {
    ...{ set: 0, cleared: 0, failures: 0, losses: 0, saidAgain: 0, sayAgainFailures: 0, forgotten: 0 },
  };
  #underWay = 0;
  #isStopped = false;

  /** @throws PresenceClientError INVALID_ARGUMENT naming the option */
  constructor({
    channels,
    claimsMax = 100_000,
    callsPerSecond = 200,
    callTimeoutMs = 3_000,
    clock = systemClock,
  }: StatusKeeperOptions) {
    for (const [name, value] of Object.entries({ claimsMax, callsPerSecond, callTimeoutMs })) {
      if (!(value > 0))
        throw new PresenceClientError("INVALID_ARGUMENT", `${name} is ${value}: give a positive number`);
    }
    this.#api = channels.api;
    this.#clock = clock;
    this.#timeoutMs = callTimeoutMs;
    this.#claimsMax = claimsMax;
    this.#pace = new Pace(clock, callsPerSecond, () => this.#work());
    this.#stopSweeping = clock.every(sweepMs, () => this.#dropOver());
  }

  /**
   * @returns what people see of the user now
   * @throws PresenceClientError INVALID_ARGUMENT naming field and limit, RESOURCE_EXHAUSTED when it is one claim too many,
   * or too often, UNIMPLEMENTED by presence of a release without statuses, UNAVAILABLE and the like: try again
   */
  async setStatus(userId: string, claim: StatusClaim): Promise<ToldStatus> {
    const request = { userId, claim: wireClaimOf(claim) };
    const told = toldBy(await this.#counted(this.#api.setStatus(request, { timeoutMs: this.#timeoutMs })));
    this.#counters.set++;
    await this.#keep(userId, claim, told);
    return told;
  }

  /**
   * Succeeds when it is not there.
   * @param options.claimId default `self`
   * @param options.setAtMs when that was said: a claim that was set later stays
   * @throws PresenceClientError as setStatus
   */
  async clearStatus(
    userId: string,
    { claimId = selfClaim, setAtMs }: Pick<StatusClaim, "claimId" | "setAtMs"> = {},
  ): Promise<ToldStatus> {
    const held = this.#kept.get(keyOf(userId, claimId));
    const kept = setAtMs === undefined || setAtMs > (held?.claim.setAtMs ?? 0) ? held : undefined;
    if (kept !== undefined) this.#forget(kept);
    // Else it could come after this, to a presence that has nothing to remember having cleared.
    await kept?.underWay;
    const request = { userId, claimId, setAt: wallTimeOf(setAtMs) };
    try {
      const told = await this.#counted(this.#api.clearStatus(request, { timeoutMs: this.#timeoutMs }));
      this.#counters.cleared++;
      return toldBy(told);
    } catch (error) {
      // It may have been about to be said again.
      if (kept !== undefined) {
        this.#remember(kept);
        this.#rest(kept, 0);
      }
      throw error;
    }
  }

  /** @throws PresenceClientError as setStatus */
  async getStatus(userId: string): Promise<UserClaims> {
    const told = await this.#counted(this.#api.getStatus({ userId }, { timeoutMs: this.#timeoutMs }));
    return { claims: told.claims.map(heldClaimOf), ...toldBy(told) };
  }

  /** Presence may have lost claims. */
  sayAgain(): void {
    this.#counters.losses++;
    this.#dropOver();
    this.#dropSuperseded();
    for (const kept of this.#kept.values()) if (!this.#resting.has(kept)) this.#toSay.add(kept);
    this.#cancelSpread();
    this.#cancelSpread = this.#clock.after(this.#clock.random() * spreadMs, () => this.#work());
  }

  /**
   * What `watch` or the feed tells, so that a status that its user changed through another process is not brought back: it
   * is not said again. What is heard after a loss, or shortly before one is noticed, may be another claim that shows since.
   */
  heard(change: HeardChange): void {
    if (!isOfStatusAlone(change)) return;
    const kept = this.#kept.get(keyOf(change.userId, selfClaim));
    if (kept === undefined || this.#isToBeSaid(kept) || change.version <= kept.version) return;
    if (!mayShow(change, kept.claim)) kept.supersededMs ??= this.#clock.monotonicMs();
  }

  metrics(): StatusKeeperMetrics {
    const limit = this.#claimsMax;
    return {
      ...this.#counters,
      bounds: {
        claims: { used: this.#kept.size, limit },
        claimsToSay: { used: this.#toSay.size + this.#resting.size, limit },
      },
    };
  }

  /** Says nothing again from now on. */
  stop(): void {
    this.#isStopped = true;
    this.#stopSweeping();
    this.#cancelSpread();
    this.#pace.stop();
    for (const kept of this.#kept.values()) this.#forget(kept);
  }

  async #counted<Answer>(call: Promise<Answer>): Promise<Answer> {
    try {
      return await call;
    } catch (error) {
      this.#counters.failures++;
      throw error;
    }
  }

  async #keep(userId: string, said: StatusClaim, { status, version }: ToldStatus): Promise<void> {
    const { claimId = selfClaim, availability, text = "", emoji = "" } = said;
    const lastMs = this.#kept.get(keyOf(userId, claimId))?.claim.setAtMs ?? 0;
    // By presence's clock, if the claim changed what people see; else of before that, and after what was said last.
    const setAtMs = said.setAtMs ?? Math.max(lastMs, Math.floor(version / 1_000));
    const expiresAtMs = said.expiresAtMs ?? Math.floor(this.#clock.nowUs() / 1_000) + claimMaxMs;
    const claim = { claimId, availability, text, emoji, expiresAtMs, setAtMs };
    const isSeen = mayShow({ online: status.availability !== undefined, status }, claim);
    // Else something was said after it, and presence did not take it.
    if (!isSeen && claimId === selfClaim) return;
    const kept = { userId, claim, version, failures: 0, supersededMs: undefined, underWay: undefined };
    this.#remember(kept);
    if (!isSeen && said.setAtMs === undefined) await this.#learnSetAt(kept);
  }

  /** Of a claim that another one hides: the answer to its call does not tell. */
  async #learnSetAt(kept: KeptClaim): Promise<void> {
    const { claims } = await this.getStatus(kept.userId).catch(() => ({ claims: [] }));
    const stored = claims.find(({ claimId }) => claimId === kept.claim.claimId);
    if (stored !== undefined) kept.claim = { ...kept.claim, setAtMs: stored.setAtMs };
  }

  #remember(kept: KeptClaim): void {
    const key = keyOf(kept.userId, kept.claim.claimId);
    const before = this.#kept.get(key);
    if (before !== undefined && before.claim.setAtMs > kept.claim.setAtMs) return;
    if (before !== undefined) this.#forget(before);
    this.#kept.set(key, kept);
    if (this.#kept.size > this.#claimsMax) this.#makeRoom();
  }

  #makeRoom(): void {
    this.#dropOver();
    const before = this.#kept.size;
    if (before <= this.#claimsMax) return;
    forgetEldest(this.#kept);
    this.#counters.forgotten += before - this.#kept.size;
    for (const kept of [...this.#toSay, ...this.#resting.keys()]) if (!this.#isKept(kept)) this.#forget(kept);
  }

  #isKept(kept: KeptClaim): boolean {
    return this.#kept.get(keyOf(kept.userId, kept.claim.claimId)) === kept;
  }

  #forget(kept: KeptClaim): void {
    if (this.#isKept(kept)) this.#kept.delete(keyOf(kept.userId, kept.claim.claimId));
    this.#toSay.delete(kept);
    this.#resting.get(kept)?.();
    this.#resting.delete(kept);
  }

  #isToBeSaid(kept: KeptClaim): boolean {
    return this.#toSay.has(kept) || this.#resting.has(kept) || kept.underWay !== undefined;
  }

  #dropSuperseded(): void {
    const longAgoMs = this.#clock.monotonicMs() - noticedMs;
    for (const kept of this.#kept.values()) {
      if (kept.supersededMs !== undefined && kept.supersededMs < longAgoMs) this.#forget(kept);
    }
  }

  /** Those that have ended. */
  #dropOver(): void {
    const nowMs = this.#clock.nowUs() / 1_000;
    for (const kept of this.#kept.values()) if (kept.claim.expiresAtMs <= nowMs) this.#forget(kept);
  }

  #work(): void {
    while (!this.#isStopped && this.#underWay < sayAgainMax) {
      const kept = this.#toSay.first;
      if (kept === undefined || !this.#pace.hasTurn()) return;
      this.#toSay.delete(kept);
      this.#pace.spend();
      kept.underWay = this.#say(kept);
    }
  }

  async #say(kept: KeptClaim): Promise<void> {
    const { userId, claim } = kept;
    this.#underWay++;
    try {
      const request = { userId, claim: wireClaimOf(claim) };
      const { status, version } = toldBy(await this.#api.setStatus(request, { timeoutMs: this.#timeoutMs }));
      this.#counters.saidAgain++;
      kept.failures = 0;
      // What is heard of before that is no news.
      if (mayShow({ online: status.availability !== undefined, status }, claim)) {
        kept.version = Math.max(kept.version, version);
        kept.supersededMs = undefined;
      }
    } catch (thrown) {
      this.#counters.sayAgainFailures++;
      this.#failed(kept, presenceClientErrorOf(thrown));
    }
    kept.underWay = undefined;
    this.#underWay--;
    this.#work();
  }

  /** While its shard recovers, presence takes no claim about somebody who looks offline. */
  #failed(kept: KeptClaim, error: PresenceClientError): void {
    if (isRefusal(error)) this.#forget(kept);
    this.#rest(kept, error.retryAfterMs ?? 0);
  }

  /** It is said again after a while. */
  #rest(kept: KeptClaim, leastMs: number): void {
    if (this.#isStopped || !this.#isKept(kept)) return;
    const rested = () => {
      this.#resting.delete(kept);
      this.#toSay.add(kept);
      this.#work();
    };
    const restMs = Math.max(backoffMs(kept.failures++, retryPace, this.#clock), leastMs);
    this.#resting.set(kept, this.#clock.after(restMs, rested));
  }
}

/** Neither id can hold NUL. */
function keyOf(userId: string, claimId: string): string {
  return `${userId}\0${claimId}`;
}

/** These answers say of who is offline that nothing is available. */
function toldBy({
  status,
  version,
}: {
  readonly status: WireStatus | undefined;
  readonly version: number;
}): ToldStatus {
  const online = availabilityOf(status?.availability ?? 0) !== undefined;
  return { status: userStatusOf(status, online), version };
}
