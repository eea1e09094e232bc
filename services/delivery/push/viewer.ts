import { backoffMs, type Clock, pause } from "@realchat/presence-runtime";
import type { AudienceDirectory } from "../audience/directory.ts";
import type { Semaphore } from "./semaphore.ts";

/** A socket of the viewer: see Subscriber. */
interface ViewingSocket {
  readonly isClosed: boolean;
  readonly watched: readonly { readonly userId: string }[];
  readonly unsentHidden: number;
}

/** What a viewer does to its sockets. */
export interface ViewerEffects<Subscriber> {
  /** The socket watches these users from now on; their states are sent. With `refresh` they are looked up again first. */
  admit(subscriber: Subscriber, userIds: readonly string[], options: { readonly refresh: boolean }): void;
  /** The socket does not watch these users any more; "hidden" is sent. */
  hide(subscriber: Subscriber, userIds: readonly string[]): void;
  isWatching(subscriber: Subscriber, userId: string): boolean;
  /** Users were verified: states that were held back can be sent. */
  verified(subscriber: Subscriber): void;
}

interface ViewerOptions<Subscriber> {
  readonly directory: Pick<AudienceDirectory, "visibleTo" | "maySee">;
  /** Bounds the queries of all viewers that are in flight. */
  readonly semaphore: Semaphore;
  readonly effects: ViewerEffects<Subscriber>;
  readonly clock: Clock;
  readonly limits: InterestLimits;
  /** Called for each query that the directory did not answer; it is retried. */
  readonly onFailure: (error: unknown) => void;
}

export interface InterestLimits {
  /** Users that a socket watches without a subscription of its own. */
  readonly interestMax: number;
  /** Users that a socket watches, its subscriptions included. */
  readonly watchedMax: number;
}

const backoff = { firstMs: 50, capMs: 2_000 };
const queryMaxUsers = 1_000;
const none: ReadonlyMap<string, Recheck> = new Map();

interface Recheck {
  /** true: the relation may have changed; false: a socket asked to see the user. */
  readonly relationChanged: boolean;
}

/**
 * A user with sockets on this gateway, and the users that it may see. Queries to the directory run one after the other.
 * Another user is unverified from the moment their relation changed until the answer to a query that was sent after
 * that; until then nothing about that user is sent. So a late answer from before a change never shows a user.
 */
export class Viewer<Subscriber extends ViewingSocket> {
  readonly userId: string;
  readonly subscribers = new Set<Subscriber>();
  readonly #options: ViewerOptions<Subscriber>;
  #unverified = new Map<string, Recheck>();
  /** Users that the query in flight is about. */
  #verifying: ReadonlyMap<string, Recheck> = none;
  /** Sockets that have yet to watch all users that the viewer may see. */
  #unloaded = new Set<Subscriber>();
  /** Users that a socket asked to see, until the directory answered. */
  readonly #requested = new Map<Subscriber, Set<string>>();
  /** More relations changed than are kept: all users that the viewer may see are to be read again. */
  #isOutdated = false;
  #isRunning = false;

  constructor(userId: string, options: ViewerOptions<Subscriber>) {
    this.userId = userId;
    this.#options = options;
  }

  isUnverified(userId: string): boolean {
    return this.#unverified.has(userId) || this.#verifying.has(userId);
  }

  /** Number of unverified users, for metrics. */
  get unverified(): number {
    return this.#unverified.size + this.#verifying.size;
  }

  join(subscriber: Subscriber): void {
    this.subscribers.add(subscriber);
    this.#unloaded.add(subscriber);
    void this.#run();
  }

  leave(subscriber: Subscriber): void {
    this.subscribers.delete(subscriber);
    this.#unloaded.delete(subscriber);
    this.#requested.delete(subscriber);
  }

  /** @returns false when the socket would watch too many */
  subscribe(subscriber: Subscriber, userIds: readonly string[]): boolean {
    const requested = this.#requested.get(subscriber) ?? new Set();
    const isNew = (userId: string) => !requested.has(userId) && !this.#options.effects.isWatching(subscriber, userId);
    const added = new Set(userIds.filter(isNew)).size;
    // Hidden users count until they are sent: a client that does not read may not ask for more without end.
    const held = subscriber.watched.length + subscriber.unsentHidden + requested.size;
    if (held + added > this.#options.limits.watchedMax) return false;
    for (const userId of userIds) {
      requested.add(userId);
      if (!this.#unverified.has(userId)) this.#unverified.set(userId, { relationChanged: false });
    }
    this.#requested.set(subscriber, requested);
    void this.#run();
    return true;
  }

  unsubscribe(subscriber: Subscriber, userIds: readonly string[]): void {
    const requested = this.#requested.get(subscriber);
    for (const userId of userIds) requested?.delete(userId);
  }

  /** The relations to these users may have changed. */
  relationsChanged(userIds: readonly string[]): void {
    for (const userId of userIds) {
      if (userId === this.userId) continue;
      const isRoom = this.#unverified.size < this.#options.limits.watchedMax;
      const isKept = isRoom || this.#verifying.has(userId) || this.#isWatched(userId);
      if (isKept) this.#unverified.set(userId, { relationChanged: true });
      else this.#isOutdated = true;
    }
    if (this.#isOutdated) this.#unloaded = new Set(this.subscribers);
    void this.#run();
  }

  /** Any relation may have changed. */
  allRelationsChanged(): void {
    for (const { watched } of this.subscribers) {
      for (const { userId } of watched) this.#unverified.set(userId, { relationChanged: true });
    }
    this.#isOutdated = true;
    this.#unloaded = new Set(this.subscribers);
    void this.#run();
  }

  #isWatched(userId: string): boolean {
    for (const subscriber of this.subscribers) {
      if (this.#options.effects.isWatching(subscriber, userId)) return true;
    }
    return false;
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    let attempt = 0;
    while (this.subscribers.size > 0 && this.#unloaded.size + this.#unverified.size > 0) {
      try {
        if (this.#unloaded.size > 0) await this.#load();
        else await this.#verify();
        attempt = 0;
      } catch (error) {
        this.#options.onFailure(error);
        await pause(this.#options.clock, backoffMs(attempt++, backoff, this.#options.clock));
      }
    }
    this.#isRunning = false;
  }

  async #load(): Promise<void> {
    const { directory, semaphore, effects, limits } = this.#options;
    const unloaded = [...this.#unloaded];
    this.#isOutdated = false;
    const { users } = await semaphore.run(() => directory.visibleTo(this.userId, limits.interestMax));
    // More relations changed during the query than are kept: query again.
    if (this.#isOutdated) return;
    const verified = users.filter((userId) => !this.#unverified.has(userId));
    // A user that is left out because one socket asked about it is shown to all sockets once that is answered.
    for (const userId of users)
      if (this.#unverified.has(userId)) this.#unverified.set(userId, { relationChanged: true });
    for (const subscriber of unloaded) {
      if (!this.#unloaded.delete(subscriber) || subscriber.isClosed) continue;
      const added = verified.filter((userId) => !effects.isWatching(subscriber, userId));
      const room = limits.watchedMax - subscriber.watched.length;
      effects.admit(subscriber, added.slice(0, Math.max(0, room)), { refresh: false });
    }
  }

  async #verify(): Promise<void> {
    const { directory, semaphore } = this.#options;
    const asked = this.#takeUnverified();
    this.#verifying = asked;
    try {
      const seen = await semaphore.run(() => directory.maySee(this.userId, [...asked.keys()]));
      this.#verifying = none;
      this.#settle(asked, seen);
    } catch (error) {
      for (const [userId, doubt] of asked) if (!this.#isQueuedAgain(userId, doubt)) this.#unverified.set(userId, doubt);
      throw error;
    } finally {
      this.#verifying = none;
    }
  }

  #takeUnverified(): Map<string, Recheck> {
    if (this.#unverified.size <= queryMaxUsers) {
      const all = this.#unverified;
      this.#unverified = new Map();
      return all;
    }
    const some = new Map<string, Recheck>();
    for (const [userId, doubt] of this.#unverified) {
      if (some.size === queryMaxUsers) break;
      some.set(userId, doubt);
      this.#unverified.delete(userId);
    }
    return some;
  }

  #settle(asked: ReadonlyMap<string, Recheck>, seen: ReadonlySet<string>): void {
    const settled = [...asked].filter((pair) => !this.#isQueuedAgain(...pair));
    for (const subscriber of this.subscribers) this.#settleFor(subscriber, settled, seen);
  }

  /** A user that was queued again meanwhile stays unverified, and keeps the reason `relationChanged`. */
  #isQueuedAgain(userId: string, { relationChanged }: Recheck): boolean {
    const again = this.#unverified.get(userId);
    if (again !== undefined && relationChanged) this.#unverified.set(userId, { relationChanged });
    return again !== undefined;
  }

  #settleFor(
    subscriber: Subscriber,
    settled: readonly (readonly [string, Recheck])[],
    seen: ReadonlySet<string>,
  ): void {
    const { effects, limits } = this.#options;
    const requested = this.#requested.get(subscriber);
    let room = limits.interestMax - subscriber.watched.length;
    const granted: string[] = [];
    const appeared: string[] = [];
    const gone: string[] = [];
    for (const [userId, { relationChanged }] of settled) {
      const isRequested = requested?.delete(userId) ?? false;
      const isWatching = effects.isWatching(subscriber, userId);
      if (!seen.has(userId)) {
        if (isRequested || isWatching) gone.push(userId);
      } else if (isRequested) {
        granted.push(userId);
      } else if (relationChanged && !isWatching && room-- > 0) {
        appeared.push(userId);
      }
    }
    if (requested?.size === 0) this.#requested.delete(subscriber);
    if (gone.length > 0) effects.hide(subscriber, gone);
    if (granted.length > 0) effects.admit(subscriber, granted, { refresh: true });
    if (appeared.length > 0) effects.admit(subscriber, appeared, { refresh: false });
    effects.verified(subscriber);
  }
}
