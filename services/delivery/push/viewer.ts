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
interface ViewerEffects<Subscriber> {
  /** The socket watches these users from now on; their states are sent. With `refresh` they are looked up again first. */
  admit(subscriber: Subscriber, userIds: readonly string[], options: { readonly refresh: boolean }): void;
  /** The socket does not watch these users any more; "hidden" is sent. */
  hide(subscriber: Subscriber, userIds: readonly string[]): void;
  isWatching(subscriber: Subscriber, userId: string): boolean;
  /** Users were verified: states that were held back can be sent. */
  verified(subscriber: Subscriber): void;
}

/** What all viewers share. */
export interface ViewerOptions<Subscriber> {
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

/** What a viewer is to ask the directory, or asks it just now. */
class Checks<Subscriber> {
  unverified = new Map<string, Recheck>();
  /** Users that the query in flight is about. */
  verifying: ReadonlyMap<string, Recheck> = none;
  /** Sockets that have yet to watch all users that the viewer may see. */
  unloaded = new Set<Subscriber>();
  /** Users that a socket asked to see, until the directory answered. */
  readonly requested = new Map<Subscriber, Set<string>>();
  /** More relations changed than are kept: all users that the viewer may see are to be read again. */
  isOutdated = false;
}

/**
 * A user with sockets on this gateway, and the users that it may see. Queries to the directory run one after the other.
 * Another user is unverified from the moment their relation changed until the answer to a query that was sent after
 * that; until then nothing about that user is sent. So a late answer from before a change never shows a user.
 */
export class Viewer<Subscriber extends ViewingSocket> {
  readonly userId: string;
  /** Hardly ever more than one: an array without room for more takes a quarter of a Set. */
  subscribers: readonly Subscriber[] = [];
  readonly #options: ViewerOptions<Subscriber>;
  /** undefined: there is nothing to ask, as most of the time. */
  #checks: Checks<Subscriber> | undefined;

  constructor(userId: string, options: ViewerOptions<Subscriber>) {
    this.userId = userId;
    this.#options = options;
  }

  isUnverified(userId: string): boolean {
    const checks = this.#checks;
    return checks !== undefined && (checks.unverified.has(userId) || checks.verifying.has(userId));
  }

  /** Number of unverified users, for metrics. */
  get unverified(): number {
    return this.#checks === undefined ? 0 : this.#checks.unverified.size + this.#checks.verifying.size;
  }

  join(subscriber: Subscriber): void {
    this.subscribers = this.subscribers.concat(subscriber);
    this.#check(({ unloaded }) => unloaded.add(subscriber));
  }

  leave(subscriber: Subscriber): void {
    this.subscribers = this.subscribers.filter((other) => other !== subscriber);
    this.#checks?.unloaded.delete(subscriber);
    this.#checks?.requested.delete(subscriber);
  }

  /** @returns false when the socket would watch too many */
  subscribe(subscriber: Subscriber, userIds: readonly string[]): boolean {
    const requested = this.#checks?.requested.get(subscriber) ?? new Set();
    const isNew = (userId: string) => !requested.has(userId) && !this.#options.effects.isWatching(subscriber, userId);
    const added = new Set(userIds.filter(isNew)).size;
    // Hidden users count until they are sent: a client that does not read may not ask for more without end.
    const held = subscriber.watched.length + subscriber.unsentHidden + requested.size;
    if (held + added > this.#options.limits.watchedMax) return false;
    this.#check((checks) => {
      for (const userId of userIds) {
        requested.add(userId);
        if (!checks.unverified.has(userId)) checks.unverified.set(userId, { relationChanged: false });
      }
      checks.requested.set(subscriber, requested);
    });
    return true;
  }

  unsubscribe(subscriber: Subscriber, userIds: readonly string[]): void {
    const requested = this.#checks?.requested.get(subscriber);
    for (const userId of userIds) requested?.delete(userId);
  }

  /** The relations to these users may have changed. */
  relationsChanged(userIds: readonly string[]): void {
    this.#check((checks) => {
      for (const userId of userIds) {
        if (userId === this.userId) continue;
        const isRoom = checks.unverified.size < this.#options.limits.watchedMax;
        const isKept = isRoom || checks.verifying.has(userId) || this.#isWatched(userId);
        if (isKept) checks.unverified.set(userId, { relationChanged: true });
        else checks.isOutdated = true;
      }
      if (checks.isOutdated) checks.unloaded = new Set(this.subscribers);
    });
  }

  /** Any relation may have changed. */
  allRelationsChanged(): void {
    this.#check((checks) => {
      for (const { watched } of this.subscribers) {
        for (const { userId } of watched) checks.unverified.set(userId, { relationChanged: true });
      }
      checks.isOutdated = true;
      checks.unloaded = new Set(this.subscribers);
    });
  }

  #isWatched(userId: string): boolean {
    for (const subscriber of this.subscribers) {
      if (this.#options.effects.isWatching(subscriber, userId)) return true;
    }
    return false;
  }

  /** Adds to what is to be asked, and sees to it that it is. */
  #check(add: (checks: Checks<Subscriber>) => void): void {
    const isRunning = this.#checks !== undefined;
    this.#checks ??= new Checks();
    add(this.#checks);
    if (!isRunning) void this.#run(this.#checks);
  }

  async #run(checks: Checks<Subscriber>): Promise<void> {
    let attempt = 0;
    while (this.subscribers.length > 0 && checks.unloaded.size + checks.unverified.size > 0) {
      try {
        if (checks.unloaded.size > 0) await this.#load(checks);
        else await this.#verify(checks);
        attempt = 0;
      } catch (error) {
        this.#options.onFailure(error);
        await pause(this.#options.clock, backoffMs(attempt++, backoff, this.#options.clock));
      }
    }
    this.#checks = undefined;
  }

  async #load(checks: Checks<Subscriber>): Promise<void> {
    const { directory, semaphore, effects, limits } = this.#options;
    const unloaded = [...checks.unloaded];
    checks.isOutdated = false;
    const { users } = await semaphore.run(() => directory.visibleTo(this.userId, limits.interestMax));
    // More relations changed during the query than are kept: query again.
    if (checks.isOutdated) return;
    const verified = users.filter((userId) => !checks.unverified.has(userId));
    // A user that is left out because one socket asked about it is shown to all sockets once that is answered.
    for (const userId of users)
      if (checks.unverified.has(userId)) checks.unverified.set(userId, { relationChanged: true });
    for (const subscriber of unloaded) {
      if (!checks.unloaded.delete(subscriber) || subscriber.isClosed) continue;
      const added = verified.filter((userId) => !effects.isWatching(subscriber, userId));
      const room = limits.watchedMax - subscriber.watched.length;
      effects.admit(subscriber, added.slice(0, Math.max(0, room)), { refresh: false });
    }
  }

  async #verify(checks: Checks<Subscriber>): Promise<void> {
    const { directory, semaphore } = this.#options;
    const asked = takeUnverified(checks);
    checks.verifying = asked;
    try {
      const seen = await semaphore.run(() => directory.maySee(this.userId, [...asked.keys()]));
      checks.verifying = none;
      this.#settle(checks, asked, seen);
    } catch (error) {
      for (const [userId, doubt] of asked) {
        if (!isQueuedAgain(checks, userId, doubt)) checks.unverified.set(userId, doubt);
      }
      throw error;
    } finally {
      checks.verifying = none;
    }
  }

  #settle(checks: Checks<Subscriber>, asked: ReadonlyMap<string, Recheck>, seen: ReadonlySet<string>): void {
    const settled = [...asked].filter((pair) => !isQueuedAgain(checks, ...pair));
    for (const subscriber of this.subscribers) {
      this.#settleFor(subscriber, checks.requested.get(subscriber), settled, seen);
      if (checks.requested.get(subscriber)?.size === 0) checks.requested.delete(subscriber);
    }
  }

  #settleFor(
    subscriber: Subscriber,
    requested: Set<string> | undefined,
    settled: readonly (readonly [string, Recheck])[],
    seen: ReadonlySet<string>,
  ): void {
    const { effects, limits } = this.#options;
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
    if (gone.length > 0) effects.hide(subscriber, gone);
    if (granted.length > 0) effects.admit(subscriber, granted, { refresh: true });
    if (appeared.length > 0) effects.admit(subscriber, appeared, { refresh: false });
    effects.verified(subscriber);
  }
}

function takeUnverified(checks: Checks<unknown>): Map<string, Recheck> {
  if (checks.unverified.size <= queryMaxUsers) {
    const all = checks.unverified;
    checks.unverified = new Map();
    return all;
  }
  const some = new Map<string, Recheck>();
  for (const [userId, doubt] of checks.unverified) {
    if (some.size === queryMaxUsers) break;
    some.set(userId, doubt);
    checks.unverified.delete(userId);
  }
  return some;
}

/** A user that was queued again meanwhile stays unverified, and keeps the reason `relationChanged`. */
function isQueuedAgain({ unverified }: Checks<unknown>, userId: string, { relationChanged }: Recheck): boolean {
  const again = unverified.get(userId);
  if (again !== undefined && relationChanged) unverified.set(userId, { relationChanged });
  return again !== undefined;
}
