import { backoffMs, type Clock, pause } from "@realchat/presence-runtime";
import type { AudienceDirectory } from "../audience/directory.ts";
import type { Gate } from "./gate.ts";

/** A socket of the viewer: see Subscriber. */
interface ViewingSocket {
  readonly isClosed: boolean;
  readonly watched: readonly { readonly userId: string }[];
  readonly untoldHidden: number;
}

/** What a viewer's answers do to its sockets. */
export interface ViewerEffects<Subscriber> {
  /** The socket watches these users from now on, and is told of them. */
  admit(subscriber: Subscriber, userIds: readonly string[], options: { readonly lookAgain: boolean }): void;
  /** The socket no longer watches these users, if it did, and is told that there is nothing to see. */
  hide(subscriber: Subscriber, userIds: readonly string[]): void;
  isWatching(subscriber: Subscriber, userId: string): boolean;
  /** A doubt is gone: what the socket was not told meanwhile can be told. */
  cleared(subscriber: Subscriber): void;
}

interface ViewerOptions<Subscriber> {
  readonly directory: Pick<AudienceDirectory, "visibleTo" | "maySee">;
  /** Bounds the questions of all viewers that are under way. */
  readonly gate: Gate;
  readonly effects: ViewerEffects<Subscriber>;
  readonly clock: Clock;
  readonly limits: InterestLimits;
  /** Told of each question that the directory did not answer; it is asked again. */
  readonly onFailure: (error: unknown) => void;
}

export interface InterestLimits {
  /** Users whom a socket watches without having asked for them. */
  readonly interestMax: number;
  /** Users whom a socket watches, those included that it subscribed to. */
  readonly watchedMax: number;
}

const backoff = { firstMs: 50, capMs: 2_000 };
const questionMax = 1_000;
const nobody: ReadonlyMap<string, Doubt> = new Map();

interface Doubt {
  /** The relation may have changed; else a socket only asked to see the user. */
  readonly isTouched: boolean;
}

/**
 * A user with sockets here, and whom this user may see. Questions to the directory are asked one after the other, and
 * another user is in doubt from the moment the relation changed until an answer came to a question that was asked after
 * that: until then no socket is told of them. So an answer that a change overtook, however late it comes, shows nobody.
 */
export class Viewer<Subscriber extends ViewingSocket> {
  readonly userId: string;
  readonly subscribers = new Set<Subscriber>();
  readonly #options: ViewerOptions<Subscriber>;
  #doubts = new Map<string, Doubt>();
  /** Doubts that the directory is being asked about. */
  #asking: ReadonlyMap<string, Doubt> = nobody;
  /** Sockets that are to be admitted to all whom the viewer may see. */
  #newcomers = new Set<Subscriber>();
  /** Users a socket asked to see. */
  readonly #wishes = new Map<Subscriber, Set<string>>();
  /** More relations changed than are kept: whom the viewer may see is to be read anew. */
  #isOutdated = false;
  #isRunning = false;

  constructor(userId: string, options: ViewerOptions<Subscriber>) {
    this.userId = userId;
    this.#options = options;
  }

  isInDoubt(userId: string): boolean {
    return this.#doubts.has(userId) || this.#asking.has(userId);
  }

  /** Users in doubt, for metrics. */
  get doubts(): number {
    return this.#doubts.size + this.#asking.size;
  }

  join(subscriber: Subscriber): void {
    this.subscribers.add(subscriber);
    this.#newcomers.add(subscriber);
    void this.#run();
  }

  leave(subscriber: Subscriber): void {
    this.subscribers.delete(subscriber);
    this.#newcomers.delete(subscriber);
    this.#wishes.delete(subscriber);
  }

  /** @returns false when the socket would watch too many */
  wish(subscriber: Subscriber, userIds: readonly string[]): boolean {
    const wishes = this.#wishes.get(subscriber) ?? new Set();
    const isNew = (userId: string) => !wishes.has(userId) && !this.#options.effects.isWatching(subscriber, userId);
    const added = new Set(userIds.filter(isNew)).size;
    // Whoever does not read what came of his last wishes may not go on wishing for ever.
    const held = subscriber.watched.length + subscriber.untoldHidden + wishes.size;
    if (held + added > this.#options.limits.watchedMax) return false;
    for (const userId of userIds) {
      wishes.add(userId);
      if (!this.#doubts.has(userId)) this.#doubts.set(userId, { isTouched: false });
    }
    this.#wishes.set(subscriber, wishes);
    void this.#run();
    return true;
  }

  unwish(subscriber: Subscriber, userIds: readonly string[]): void {
    const wishes = this.#wishes.get(subscriber);
    for (const userId of userIds) wishes?.delete(userId);
  }

  /** Whether he may see these users may have changed. */
  touched(userIds: readonly string[]): void {
    for (const userId of userIds) {
      if (userId === this.userId) continue;
      const isRoom = this.#doubts.size < this.#options.limits.watchedMax;
      const isKept = isRoom || this.#asking.has(userId) || this.#isWatched(userId);
      if (isKept) this.#doubts.set(userId, { isTouched: true });
      else this.#isOutdated = true;
    }
    if (this.#isOutdated) this.#newcomers = new Set(this.subscribers);
    void this.#run();
  }

  /** Whether he may see anybody at all may have changed. */
  touchedAll(): void {
    for (const { watched } of this.subscribers) {
      for (const { userId } of watched) this.#doubts.set(userId, { isTouched: true });
    }
    this.#isOutdated = true;
    this.#newcomers = new Set(this.subscribers);
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
    while (this.subscribers.size > 0 && this.#newcomers.size + this.#doubts.size > 0) {
      try {
        if (this.#newcomers.size > 0) await this.#load();
        else await this.#ask();
        attempt = 0;
      } catch (error) {
        this.#options.onFailure(error);
        await pause(this.#options.clock, backoffMs(attempt++, backoff, this.#options.clock));
      }
    }
    this.#isRunning = false;
  }

  async #load(): Promise<void> {
    const { directory, gate, effects, limits } = this.#options;
    const newcomers = [...this.#newcomers];
    this.#isOutdated = false;
    const { users } = await gate.pass(() => directory.visibleTo(this.userId, limits.interestMax));
    // Changed while it was read, by more than the doubts tell: read it again.
    if (this.#isOutdated) return;
    const certain = users.filter((userId) => !this.#doubts.has(userId));
    // Whoever is left out for a socket's question is to be shown once that is answered, to all sockets.
    for (const userId of users) if (this.#doubts.has(userId)) this.#doubts.set(userId, { isTouched: true });
    for (const subscriber of newcomers) {
      if (!this.#newcomers.delete(subscriber) || subscriber.isClosed) continue;
      const added = certain.filter((userId) => !effects.isWatching(subscriber, userId));
      const room = limits.watchedMax - subscriber.watched.length;
      effects.admit(subscriber, added.slice(0, Math.max(0, room)), { lookAgain: false });
    }
  }

  async #ask(): Promise<void> {
    const { directory, gate } = this.#options;
    const asked = this.#takeDoubts();
    this.#asking = asked;
    try {
      const seen = await gate.pass(() => directory.maySee(this.userId, [...asked.keys()]));
      this.#asking = nobody;
      this.#settle(asked, seen);
    } catch (error) {
      for (const [userId, doubt] of asked) if (!this.#isAskedAgain(userId, doubt)) this.#doubts.set(userId, doubt);
      throw error;
    } finally {
      this.#asking = nobody;
    }
  }

  #takeDoubts(): Map<string, Doubt> {
    if (this.#doubts.size <= questionMax) {
      const all = this.#doubts;
      this.#doubts = new Map();
      return all;
    }
    const some = new Map<string, Doubt>();
    for (const [userId, doubt] of this.#doubts) {
      if (some.size === questionMax) break;
      some.set(userId, doubt);
      this.#doubts.delete(userId);
    }
    return some;
  }

  #settle(asked: ReadonlyMap<string, Doubt>, seen: ReadonlySet<string>): void {
    const settled = [...asked].filter((pair) => !this.#isAskedAgain(...pair));
    for (const subscriber of this.subscribers) this.#settleFor(subscriber, settled, seen);
  }

  /** What was brought up again meanwhile stays in doubt, for all the reasons there were. */
  #isAskedAgain(userId: string, { isTouched }: Doubt): boolean {
    const again = this.#doubts.get(userId);
    if (again !== undefined && isTouched) this.#doubts.set(userId, { isTouched });
    return again !== undefined;
  }

  #settleFor(subscriber: Subscriber, settled: readonly (readonly [string, Doubt])[], seen: ReadonlySet<string>): void {
    const { effects, limits } = this.#options;
    const wishes = this.#wishes.get(subscriber);
    let room = limits.interestMax - subscriber.watched.length;
    const wished: string[] = [];
    const appeared: string[] = [];
    const gone: string[] = [];
    for (const [userId, { isTouched }] of settled) {
      const isWished = wishes?.delete(userId) ?? false;
      const isWatching = effects.isWatching(subscriber, userId);
      if (!seen.has(userId)) {
        if (isWished || isWatching) gone.push(userId);
      } else if (isWished) {
        wished.push(userId);
      } else if (isTouched && !isWatching && room-- > 0) {
        appeared.push(userId);
      }
    }
    if (wishes?.size === 0) this.#wishes.delete(subscriber);
    if (gone.length > 0) effects.hide(subscriber, gone);
    if (wished.length > 0) effects.admit(subscriber, wished, { lookAgain: true });
    if (appeared.length > 0) effects.admit(subscriber, appeared, { lookAgain: false });
    effects.cleared(subscriber);
  }
}
