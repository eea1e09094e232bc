import { ArrivalSet } from "@realchat/presence-runtime/arrival-set";
import { type BackoffLimits, backoffMs } from "@realchat/presence-runtime/backoff";
import type { Cancel, Clock } from "@realchat/presence-runtime/clock";
import type { PresenceApi } from "../grpc/presence-channels.ts";
import { PresenceClientError, presenceClientErrorOf } from "../presence-client-error.ts";
import { wallTimeOf } from "../wall-time.ts";
import { isRefusal } from "./call-faults.ts";
import type { HeldSession, SaidActivity } from "./held-session.ts";
import { Pace } from "./pace.ts";
import type { Reachability } from "./reachability.ts";
import type { Activity } from "./session-handle.ts";

/** Presence takes whoever is idle for less for active. A little more, since its clock may be behind ours; ms. */
const idleMinMs = 65_000;
/** Who was told as idle before that is told once more then: by a clock that is further behind it was active yet; ms. */
const idleForSureMs = 2 * idleMinMs;
/** Since when the device of a session that registers is idle, if it is used: wall clock, ms. No clock has come to it. */
const inUseMs = Date.UTC(9999, 11, 31);
/** Between two calls for one session at least: a client that flaps makes no storm; ms. */
const gapMs = 5_000;
/** Two moments no further apart are the same; ms. */
const sameMs = 1_000;
/** Share of the registrations of a second, and of those at once, that calls about activity may be. */
const share = 1 / 4;
/** Until presence that does not know the call is asked again: a rolling upgrade may be over; ms. */
const supportMs = 60_000;
const retryPace: BackoffLimits = { firstMs: 1_000, capMs: 30_000 };

interface ActivitiesOptions {
  readonly clock: Clock;
  readonly api: PresenceApi;
  readonly reachability: Reachability;
  readonly callsPerSecond: number;
  readonly callsMax: number;
  readonly callTimeoutMs: number;
  /** Presence does not have the session any more. */
  missing(session: HeldSession): void;
  /** Something has become of the session; its next heartbeat tells what. */
  doubted(session: HeldSession): void;
}

/**
 * Tells presence whether the devices of sessions are used: the latest that each said, at a bounded rate, and again when
 * presence may have lost it. A registration says it by itself.
 */
export class Activities {
  readonly counters = { activitiesTold: 0, activityFailures: 0 };
  readonly #options: ActivitiesOptions;
  readonly #pace: Pace;
  readonly #callsMax: number;
  /** Those that have something to tell, and may; those that may later; and those whose answer is awaited. */
  readonly #waiting = new ArrivalSet<HeldSession>();
  readonly #resting = new Map<HeldSession, Cancel>();
  readonly #underWay = new Set<HeldSession>();
  /** undefined: presence was not asked yet. */
  #isSupported: boolean | undefined;
  #cancelSupport: Cancel = () => {};

  constructor(options: ActivitiesOptions) {
    this.#options = options;
    this.#pace = new Pace(options.clock, options.callsPerSecond * share, () => this.work());
    this.#callsMax = Math.max(1, Math.floor(options.callsMax * share));
  }

  /** Sessions that have something to tell. */
  get size(): number {
    return this.#waiting.size + this.#resting.size + this.#underWay.size;
  }

  /** @throws PresenceClientError INVALID_ARGUMENT when it is no time */
  say(session: HeldSession, activity: Activity): void {
    checkActivity(activity);
    const idleFromMs = activity === "active" ? undefined : this.#monotonicOf(activity.idleSinceMs);
    session.activity ??= { idleFromMs, sequence: 0, told: undefined, sentMs: Number.NEGATIVE_INFINITY, failures: 0 };
    session.activity.idleFromMs = idleFromMs;
    this.#plan(session);
  }

  /** What its registration says, ms of the wall clock; undefined: nothing. */
  registrationOf({ activity }: HeldSession): number | undefined {
    if (activity === undefined) return undefined;
    const { idleFromMs } = activity;
    const nowMs = this.#options.clock.monotonicMs();
    const isIdle = idleFromMs !== undefined && nowMs - idleFromMs >= idleMinMs;
    activity.told = { idleFromMs: isIdle ? idleFromMs : undefined, atMs: nowMs };
    return isIdle ? this.#wallOf(idleFromMs) : inUseMs;
  }

  /** @param isRepeated an earlier attempt may have been carried out: then presence has what that said */
  registered(session: HeldSession, isRepeated: boolean): void {
    if (isRepeated) this.sayAgain(session);
    else this.#plan(session);
  }

  /** Presence may know nothing of its activity, or no more than before. */
  sayAgain(session: HeldSession): void {
    if (session.activity === undefined) return;
    session.activity.told = undefined;
    this.#plan(session);
  }

  delete(session: HeldSession): void {
    this.#waiting.delete(session);
    this.#resting.get(session)?.();
    this.#resting.delete(session);
  }

  /** Starts what may start now. */
  work(): void {
    while (this.#hasRoom && this.#options.reachability.isReachable) {
      const session = this.#waiting.first;
      if (session === undefined || !this.#pace.hasTurn()) return;
      this.#waiting.delete(session);
      this.#pace.spend();
      void this.#tell(session);
    }
  }

  stop(): void {
    this.#cancelSupport();
    for (const cancel of this.#resting.values()) cancel();
    this.#resting.clear();
    this.#waiting.clear();
    this.#pace.stop();
  }

  /** One at a time finds out whether presence knows the call. */
  get #hasRoom(): boolean {
    if (this.#isSupported === false) return false;
    return this.#underWay.size < (this.#isSupported ? this.#callsMax : 1);
  }

  /** Whoever is registering says it by that; whoever has a call under way is looked at once it is answered. */
  #plan(session: HeldSession): void {
    this.delete(session);
    const { activity, state } = session;
    if (activity === undefined || state !== "online" || this.#underWay.has(session)) return;
    const waitMs = this.#waitMs(activity);
    if (waitMs === Number.POSITIVE_INFINITY) return;
    if (waitMs <= 0) {
      this.#waiting.add(session);
      this.work();
      return;
    }
    const rested = () => {
      this.#resting.delete(session);
      this.#waiting.add(session);
      this.work();
    };
    // In whole seconds: one list of timers for many sessions.
    this.#resting.set(session, this.#options.clock.after(Math.ceil(waitMs / 1_000) * 1_000, rested));
  }

  #waitMs(activity: SaidActivity): number {
    const { clock } = this.#options;
    const { sentMs, failures } = activity;
    const gap = failures === 0 ? gapMs : gapMs + backoffMs(failures - 1, retryPace, clock);
    return Math.max(sentMs + gap, dueMs(activity)) - clock.monotonicMs();
  }

  async #tell(session: HeldSession): Promise<void> {
    const { clock, api, callTimeoutMs: timeoutMs } = this.#options;
    const { userId, deviceId, token: sessionId, activity } = session;
    if (activity === undefined) return;
    const { idleFromMs } = activity;
    activity.sequence++;
    // Until it is answered, either may hold.
    activity.told = undefined;
    const atMs = clock.monotonicMs();
    activity.sentMs = atMs;
    const idleSince = idleFromMs === undefined ? undefined : wallTimeOf(this.#wallOf(idleFromMs));
    this.#underWay.add(session);
    const error = await api
      .setActivity({ userId, deviceId, sessionId, idleSince, sequence: activity.sequence }, { timeoutMs })
      .then(() => undefined, presenceClientErrorOf);
    this.#underWay.delete(session);
    // A registration has said it since.
    if (session.token === sessionId) {
      if (error === undefined) this.#told(activity, { idleFromMs, atMs });
      else this.#failed(session, activity, error);
    }
    this.#plan(session);
    this.work();
  }

  #told(activity: SaidActivity, told: SaidActivity["told"]): void {
    this.#isSupported = true;
    this.counters.activitiesTold++;
    activity.told = told;
    activity.failures = 0;
  }

  #failed(session: HeldSession, activity: SaidActivity, error: PresenceClientError): void {
    this.counters.activityFailures++;
    const { missing, doubted } = this.#options;
    if (error.code === "UNIMPLEMENTED") this.#isNotSupported();
    else if (error.code === "NOT_FOUND") missing(session);
    else if (error.code === "FAILED_PRECONDITION" || isRefusal(error)) {
      // The answer would be the same again.
      activity.told = { idleFromMs: activity.idleFromMs, atMs: Number.POSITIVE_INFINITY };
      doubted(session);
    } else activity.failures++;
  }

  #isNotSupported(): void {
    this.#isSupported = false;
    this.#cancelSupport();
    this.#cancelSupport = this.#options.clock.after(supportMs, () => {
      this.#isSupported = undefined;
      this.work();
    });
  }

  /** Of a moment by the wall clock, ms; of one that has not come: now. */
  #monotonicOf(wallMs: number): number {
    const { clock } = this.#options;
    return clock.monotonicMs() - Math.max(0, clock.nowUs() / 1_000 - wallMs);
  }

  /** By the wall clock as it is now, however it was stepped since, ms. */
  #wallOf(monotonicMs: number): number {
    const { clock } = this.#options;
    return Math.max(1, Math.round(clock.nowUs() / 1_000 - (clock.monotonicMs() - monotonicMs)));
  }
}

/** When presence is to be told, monotonic ms; Infinity: it knows. */
function dueMs({ idleFromMs, told }: SaidActivity): number {
  if (idleFromMs === undefined) {
    return told !== undefined && told.idleFromMs === undefined ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  }
  const isTold = told?.idleFromMs !== undefined && Math.abs(told.idleFromMs - idleFromMs) < sameMs;
  if (!isTold) return idleFromMs + idleMinMs;
  return told.atMs < idleFromMs + idleForSureMs ? idleFromMs + idleForSureMs : Number.POSITIVE_INFINITY;
}

function checkActivity(activity: Activity): void {
  if (activity === "active" || activity.idleSinceMs > 0) return;
  const message = `idleSinceMs is ${activity.idleSinceMs}: give the time since when nobody uses the device, ms since 1970`;
  throw new PresenceClientError("INVALID_ARGUMENT", message);
}
