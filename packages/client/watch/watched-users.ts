import type { GetPresenceResponse, UserPresence, WatchPresenceResponse } from "@realchat/presence-proto/presence";
import { type Clock, pause } from "@realchat/presence-runtime/clock";
import type { PresenceApi } from "../grpc/presence-channels.ts";
import { changeOfUpdate, changeOfView, isOfStatusAlone, type PresenceChange } from "../presence-change.ts";
import { KnownUsers, type Merged } from "./known-users.ts";
import type { PresenceNews } from "./presence-news.ts";

/** How often it is asked again for users of whom a recovering store cannot be sure, ms. */
const askAgainMs = 2_000;
/** And for those of whom nothing could be told: twice as long after each time, at most so long. */
const unknownMaxMs = 30_000;
const askTimeoutMs = 5_000;
/** Users in one question; the contract allows ten times as many. */
const askMaxUsers = 1_000;
/** Users of a watch of everyone who are remembered after they left: against old messages from a node that lags. */
const offlineMax = 10_000;

type Answer = Pick<GetPresenceResponse, "presences" | "recovering">;

/** What has been told of the users of one watch, over all its streams. */
export class WatchedUsers {
  readonly #api: PresenceApi;
  /** Empty: everyone. */
  readonly #userIds: readonly string[];
  /** See WatchOptions. */
  readonly #repeats: boolean;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #known: KnownUsers;
  /** Who appeared in the snapshot that is coming in; undefined when none is. */
  #inSnapshot: Set<string> | undefined;
  /** Told to be online, or not at all, while what we have now says otherwise without being sure. */
  readonly #doubted = new Set<string>();
  /** Of whom nothing could be told: what is held of them may be wrong, and no event need come to mend it. */
  readonly #unknown = new Set<string>();
  /** The stream says so; it is over with the next reset. */
  #isRecovering = false;
  /** What was told last of how complete it is. */
  #told: "unsynced" | "recovering" | "synced" = "unsynced";
  /** When it is next asked for those in doubt. */
  #askMs = 0;
  /** When it is next asked for those of whom nothing could be told, and how long it is waited then. */
  #askUnknownMs = 0;
  #unknownWaitMs = askAgainMs;

  constructor(options: {
    api: PresenceApi;
    users: readonly string[] | "everyone";
    repeats: boolean;
    clock: Clock;
    signal: AbortSignal;
  }) {
    const { api, users, repeats, clock, signal } = options;
    this.#api = api;
    this.#repeats = repeats;
    this.#userIds = users === "everyone" ? [] : users;
    this.#clock = clock;
    this.#signal = signal;
    this.#known = new KnownUsers(
      users === "everyone"
        ? { unknownAreOffline: true, offlineMax }
        : { unknownAreOffline: false, offlineMax: users.length },
    );
  }

  /** Users whose state is remembered. */
  get size(): number {
    return this.#known.size;
  }

  /**
   * Opens a stream and tells what it changes, until it ends; what one message changes together: each step of an asynchronous
   * iteration costs several promises.
   * @throws PresenceClientError when it breaks
   */
  async *follow(): AsyncGenerator<readonly PresenceNews[]> {
    this.#inSnapshot = new Set();
    this.#forgetDoubts();
    this.#isRecovering = false;
    const cut = new AbortController();
    const stop = () => cut.abort();
    this.#signal.addEventListener("abort", stop, { once: true });
    const messages = this.#messages(cut.signal);
    try {
      let next: Promise<IteratorResult<WatchPresenceResponse>> | undefined;
      while (!this.#signal.aborted) {
        next ??= messages.next();
        const message = await this.#orTimeToAsk(next);
        if (message?.done) return;
        if (message !== undefined) {
          next = undefined;
          yield this.#take(message.value);
        }
        yield* this.#settle();
      }
    } finally {
      stop();
      this.#signal.removeEventListener("abort", stop);
    }
  }

  /** @returns whether that is to be told: it was in sync until now, or recovering */
  leaveSync(): boolean {
    const wasTold = this.#told !== "unsynced";
    this.#told = "unsynced";
    return wasTold;
  }

  #messages(signal: AbortSignal): AsyncIterator<WatchPresenceResponse> {
    return this.#api.watchPresence({ userIds: [...this.#userIds] }, { signal })[Symbol.asyncIterator]();
  }

  /** Once the snapshot is there, clears up who is in doubt; when nobody is, all has been told. */
  async *#settle(): AsyncGenerator<readonly PresenceNews[]> {
    if (this.#inSnapshot !== undefined) return;
    if (this.#isTime(this.#doubted, this.#askMs)) yield* this.#ask();
    if (this.#isTime(this.#unknown, this.#askUnknownMs)) yield* this.#askForUnknown();
    if (this.#isRecovering) yield this.#tellOnce("recovering");
    else if (this.#doubted.size === 0) yield this.#tellOnce("synced");
  }

  #tellOnce(kind: "recovering" | "synced"): PresenceNews[] {
    if (this.#told === kind) return [];
    this.#told = kind;
    return [{ kind }];
  }

  #forgetDoubts(): void {
    this.#doubted.clear();
    this.#unknown.clear();
  }

  /** When to ask; never while the stream says that the store recovers: a snapshot will follow by itself. */
  get #nextAskMs(): number {
    const isFirst = this.#inSnapshot !== undefined || this.#isRecovering;
    return Math.min(
      isFirst || this.#doubted.size === 0 ? Number.POSITIVE_INFINITY : this.#askMs,
      isFirst || this.#unknown.size === 0 ? Number.POSITIVE_INFINITY : this.#askUnknownMs,
    );
  }

  #isTime(users: ReadonlySet<string>, atMs: number): boolean {
    return users.size > 0 && !this.#isRecovering && this.#clock.monotonicMs() >= atMs;
  }

  async #orTimeToAsk<T>(next: Promise<T>): Promise<T | undefined> {
    const askMs = this.#nextAskMs;
    if (askMs === Number.POSITIVE_INFINITY) return await next;
    // No caller may be waiting for it when it breaks.
    next.catch(() => {});
    const enough = new AbortController();
    const waitMs = Math.max(0, askMs - this.#clock.monotonicMs());
    const time = pause(this.#clock, waitMs, enough.signal).then(() => undefined);
    try {
      return await Promise.race([next, time]);
    } finally {
      enough.abort();
    }
  }

  #take(message: WatchPresenceResponse): PresenceNews[] {
    const news: PresenceNews[] = [];
    if (message.reset) {
      this.#inSnapshot = new Set();
      this.#forgetDoubts();
      const why = this.#isRecovering ? "presence has recovered, and tells anew" : "presence missed changes itself";
      this.#isRecovering = false;
      if (this.leaveSync()) news.push({ kind: "unsynced", why });
    }
    if (message.recovering) this.#isRecovering = true;
    if (beginsToRecover(message) && this.#told === "recovering") news.push({ kind: "recovering" });
    for (const view of message.snapshot) {
      this.#inSnapshot?.add(view.userId);
      this.#takeView(view, this.#isRecovering, news);
    }
    for (const update of message.updates) {
      const change = changeOfUpdate(update);
      this.#doubted.delete(change.userId);
      this.#unknown.delete(change.userId);
      // Of somebody who was forgotten, or never told, it may be the end of a text that the reader has.
      const isOfForgotten = isOfStatusAlone(change) && !this.#known.has(change.userId);
      const merged = this.#known.merge(change);
      this.#tell(change, isOfForgotten ? "change" : merged, news);
    }
    if (message.snapshotComplete) this.#doubtTheAbsent();
    return news;
  }

  /** @param news is added to */
  #tell(change: PresenceChange, merged: Merged, news: PresenceNews[]): void {
    const isRepeated = merged === "same" && this.#repeats && this.#inSnapshot === undefined;
    if (merged === "change" || isRepeated) news.push({ kind: "change", ...change });
  }

  /** In doubt, who stays so comes behind all others. */
  #takeView(view: UserPresence, recovering: boolean, news: PresenceNews[]): void {
    this.#doubted.delete(view.userId);
    this.#unknown.delete(view.userId);
    if (view.unknown) {
      this.#takeUnknown(view.userId);
      return;
    }
    const change = changeOfView(view);
    // A store that recovers may have lost who came, and whom it has may be one who left since.
    if (recovering && !change.online) this.#doubted.add(view.userId);
    else this.#tell(change, recovering ? this.#known.merge(change) : this.#known.replace(change), news);
  }

  /** What is held of this user is as good as before, and nothing waits for better. */
  #takeUnknown(userId: string): void {
    if (this.#unknown.size === 0) {
      this.#unknownWaitMs = askAgainMs;
      this.#askUnknownMs = this.#clock.monotonicMs() + askAgainMs;
    }
    this.#unknown.add(userId);
  }

  /** A snapshot of everyone holds nobody who is offline; what was known of these may be over. */
  #doubtTheAbsent(): void {
    if (this.#userIds.length === 0) {
      for (const users of [this.#known.onlineUsers(), this.#known.offlineUsersWithStatus()]) {
        for (const user of users) if (!this.#inSnapshot?.has(user)) this.#doubted.add(user);
      }
    }
    this.#inSnapshot = undefined;
    this.#askMs = this.#clock.monotonicMs();
  }

  /** Asks what became of those in doubt. A store that recovers cannot tell who is offline yet, and is not asked on. */
  async *#ask(): AsyncGenerator<readonly PresenceNews[]> {
    const userIds = [...this.#doubted];
    this.#askMs = this.#clock.monotonicMs() + askAgainMs;
    for (let start = 0; start < userIds.length; start += askMaxUsers) {
      const request = { userIds: userIds.slice(start, start + askMaxUsers) };
      const answer = await this.#api.getPresence(request, { timeoutMs: askTimeoutMs });
      yield this.#takeAnswer(answer);
      if (answer.recovering) return;
    }
  }

  /** One page, or as many as bring something: a store that cannot answer for these is not asked for all of them. */
  async *#askForUnknown(): AsyncGenerator<readonly PresenceNews[]> {
    const userIds = [...this.#unknown];
    let waitMs = Math.min(2 * this.#unknownWaitMs, unknownMaxMs);
    for (let start = 0; start < userIds.length; start += askMaxUsers) {
      const answer = await this.#tryToAsk(userIds.slice(start, start + askMaxUsers));
      yield this.#takeAnswer(answer);
      if (answer.recovering || answer.presences.every(({ unknown }) => unknown)) break;
      waitMs = askAgainMs;
    }
    this.#unknownWaitMs = waitMs;
    this.#askUnknownMs = this.#clock.monotonicMs() + waitMs;
  }

  #takeAnswer({ presences, recovering }: Answer): PresenceNews[] {
    const news: PresenceNews[] = [];
    for (const view of presences) this.#takeView(view, recovering, news);
    return recovering ? news.concat(this.#tellOnce("recovering")) : news;
  }

  /** That nothing can be told of these few is no reason to end the stream, which tells of all others. */
  async #tryToAsk(userIds: string[]): Promise<Answer> {
    try {
      return await this.#api.getPresence({ userIds }, { timeoutMs: askTimeoutMs });
    } catch {
      for (const userId of userIds) {
        // Behind all others.
        this.#unknown.delete(userId);
        this.#unknown.add(userId);
      }
      return { presences: [], recovering: false };
    }
  }
}

/** It says nothing else: a shard did, perhaps while others do already. */
function beginsToRecover({ recovering, reset, snapshot, snapshotComplete, updates }: WatchPresenceResponse): boolean {
  return recovering && !reset && !snapshotComplete && snapshot.length === 0 && updates.length === 0;
}
