import type { Cancel, Clock } from "@realchat/presence-runtime/clock";
import { PresenceClientError, presenceClientErrorOf } from "../presence-client-error.ts";
import { batchesOf } from "./batches.ts";
import { isDecision, unanswered } from "./call-faults.ts";
import type { HeldSession } from "./held-session.ts";
import type { Method, Reachability } from "./reachability.ts";

interface GatheredCallsOptions<Request, Answer> {
  readonly method: Method;
  readonly clock: Clock;
  readonly reachability: Reachability;
  readonly batchMaxSessions: number;
  /** Made when it is sent: it says how long ago the client came. */
  requestOf(session: HeldSession): Request;
  one(request: Request): Promise<Answer>;
  /** One answer for each, in order; rejects when the call failed as a whole. */
  many(requests: Request[]): Promise<readonly (Answer | PresenceClientError)[]>;
  /** @param sentMs when the call was sent, monotonic */
  answered(session: HeldSession, answer: Answer, sentMs: number): void;
  /** @param sentMs as in `answered` */
  failed(session: HeldSession, error: PresenceClientError, sentMs: number): void;
}

/**
 * While a call is under way others are gathered, and after its answer for so many times as long as it took. So calls are
 * the larger the longer presence takes over them, as in a storm, and nobody waits where it answers at once.
 */
const restFactor = 3;
/** Nobody waits longer than that for others, ms. */
const waitMaxMs = 50;

/**
 * Calls of one method. Those that one turn of the event loop brings are one call, in which each is answered for itself;
 * a single one is a call of its own. After a call that failed as a whole its sessions go in calls of half the size, so
 * whoever is to blame is soon alone. Those that failed before go apart: they hold up nobody else's answer.
 *
 * A node of a release that cannot take many at once gets them one by one.
 */
export class GatheredCalls<Request, Answer> {
  readonly #options: GatheredCallsOptions<Request, Answer>;
  /** In order, each with what is called when it was answered, or failed. */
  readonly #gathered = new Map<HeldSession, () => void>();
  #cancel: Cancel = () => {};
  /** Monotonic ms. */
  #gatheringSinceMs = 0;
  #restUntilMs = Number.NEGATIVE_INFINITY;
  /** Calls whose answer is awaited. */
  #underWay = 0;

  constructor(options: GatheredCallsOptions<Request, Answer>) {
    this.#options = options;
  }

  /** Resolves once it was answered, or failed. */
  call(session: HeldSession): Promise<void> {
    this.#options.reachability.trying(this.#options.method);
    if (this.#gathered.size === 0) {
      this.#gatheringSinceMs = this.#options.clock.monotonicMs();
      this.#plan();
    }
    return new Promise((resolve) => this.#gathered.set(session, resolve));
  }

  stop(): void {
    this.#cancel();
    this.#gathered.clear();
  }

  /** Decides when those that are gathered are sent. */
  #plan(): void {
    const { clock } = this.#options;
    const waitMs = this.#underWay > 0 ? waitMaxMs : this.#restUntilMs - this.#gatheringSinceMs;
    const dueMs = this.#gatheringSinceMs + Math.min(waitMs, waitMaxMs);
    this.#cancel();
    this.#cancel = clock.after(Math.max(0, dueMs - clock.monotonicMs()), () => this.#send());
  }

  #send(): void {
    const { batchMaxSessions } = this.#options;
    const gathered = new Map(this.#gathered);
    this.#gathered.clear();
    const sessions = [...gathered.keys()];
    const fresh = sessions.filter(({ failures }) => failures === 0);
    const again = sessions.filter(({ failures }) => failures > 0);
    for (const batch of [...batchesOf(fresh, batchMaxSessions), ...batchesOf(again, batchMaxSessions)]) {
      void this.#sendBatch(batch, (session) => gathered.get(session)?.());
    }
  }

  async #sendBatch(batch: readonly HeldSession[], done: (session: HeldSession) => void): Promise<void> {
    const { clock, many, requestOf } = this.#options;
    const [only] = batch;
    if (batch.length === 1 && only !== undefined) return this.#sendAlone(only, done);
    const sentMs = clock.monotonicMs();
    let answers: readonly (Answer | PresenceClientError)[];
    try {
      answers = await this.#counted(many(batch.map(requestOf)));
    } catch (thrown) {
      const error = presenceClientErrorOf(thrown);
      if (error.code === "UNIMPLEMENTED") for (const session of batch) void this.#sendAlone(session, done);
      else this.#failedAsAWhole(batch, error, sentMs, done);
      return;
    }
    const outcomes = batch.map((session, place) => ({ session, outcome: answers[place] ?? unanswered }));
    for (const { session } of outcomes) session.groupMax = Number.POSITIVE_INFINITY;
    this.#conclude(outcomes, sentMs, done);
  }

  async #sendAlone(session: HeldSession, done: (session: HeldSession) => void): Promise<void> {
    const { clock, one, requestOf } = this.#options;
    const sentMs = clock.monotonicMs();
    let outcome: Answer | PresenceClientError;
    try {
      outcome = await this.#counted(one(requestOf(session)));
    } catch (thrown) {
      outcome = presenceClientErrorOf(thrown);
    }
    this.#conclude([{ session, outcome }], sentMs, done);
  }

  async #counted<Answered>(call: Promise<Answered>): Promise<Answered> {
    const { clock } = this.#options;
    const sentMs = clock.monotonicMs();
    this.#underWay++;
    try {
      return await call;
    } finally {
      this.#underWay--;
      const nowMs = clock.monotonicMs();
      this.#restUntilMs = nowMs + restFactor * (nowMs - sentMs);
      if (this.#gathered.size > 0) this.#plan();
    }
  }

  /** Presence is there when it decided about one of them: what it could not answer is then no sign that it is away. */
  #conclude(
    outcomes: readonly { readonly session: HeldSession; readonly outcome: Answer | PresenceClientError }[],
    sentMs: number,
    done: (session: HeldSession) => void,
  ): void {
    const { method, reachability, answered, failed } = this.#options;
    const isThere = outcomes.some(({ outcome }) => !(outcome instanceof PresenceClientError) || isDecision(outcome));
    for (const { session, outcome } of outcomes) {
      if (!(outcome instanceof PresenceClientError)) answered(session, outcome, sentMs);
      else {
        if (!isThere) reachability.failed(method, session, outcome);
        failed(session, outcome, sentMs);
      }
      done(session);
    }
    if (isThere) reachability.succeeded(method);
  }

  /** What the call failed with says nothing about any of them. */
  #failedAsAWhole(
    batch: readonly HeldSession[],
    error: PresenceClientError,
    sentMs: number,
    done: (session: HeldSession) => void,
  ): void {
    const { method, reachability, failed } = this.#options;
    const { message, retryAfterMs } = error;
    const unknown = new PresenceClientError("UNAVAILABLE", message, { cause: error, retryAfterMs });
    reachability.failed(method, batch[0], error);
    for (const session of batch) {
      session.groupMax = Math.max(1, Math.floor(batch.length / 2));
      failed(session, unknown, sentMs);
      done(session);
    }
  }
}
