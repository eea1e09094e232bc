import type { Dot } from "./dot.ts";
import type { FrameSink } from "./frame-sink.ts";
import type { LookupRequest } from "./lookup-request.ts";
import type { Subscription } from "./push.ts";
import type { ShownUser } from "./shown-user.ts";
import type { Viewer } from "./viewer.ts";
import type { WatchedUser } from "./watched-user.ts";

/** What the next frame to a socket contains. */
export type FrameContent =
  | { readonly kind: "stale"; readonly isStale: boolean }
  | { readonly kind: "hidden"; readonly userIds: string[] }
  | UsersContent;

interface UsersContent {
  readonly kind: "snapshot" | "presence";
  readonly users: ShownUser[];
  /** The changes that they tell, where it is a change of the user's own. */
  readonly news: Dot[];
}

/** What ends a socket's interests; the same for all sockets. */
export interface Places {
  unwatch(subscriber: Subscriber, userIds: readonly string[]): void;
  close(subscriber: Subscriber): void;
}

/**
 * A socket as push sees it: the users it watches, and those whose state it has yet to be sent. That is a set of users, not
 * a queue of frames: a frame is built from the latest state when the socket can take it.
 */
export class Subscriber implements Subscription {
  readonly viewer: Viewer<Subscriber>;
  readonly sink: FrameSink;
  /** Of the client's token. */
  readonly roles: ReadonlySet<string>;
  readonly #places: Places;
  /** Few, and seldom removed: an array, since a Set takes four times the memory. */
  watched: WatchedUser<Subscriber>[] = [];
  isClosed = false;
  /** Owned by the frame writer: whether a write is due, or the network has yet to take one. */
  turn: "none" | "due" | "writing" = "none";
  // undefined while empty: there are many sockets, and most are idle most of the time.
  #hidden: Set<string> | undefined;
  #snapshot: Set<WatchedUser<Subscriber>> | undefined;
  #changed: Set<WatchedUser<Subscriber>> | undefined;
  #lookups: Set<LookupRequest> | undefined;
  #owesSnapshot = false;
  #hadSnapshot = false;
  #sentStale = false;

  constructor(viewer: Viewer<Subscriber>, sink: FrameSink, roles: ReadonlySet<string>, places: Places) {
    this.viewer = viewer;
    this.sink = sink;
    this.roles = roles;
    this.#places = places;
  }

  subscribe(userIds: readonly string[]): boolean {
    return this.viewer.subscribe(this, userIds);
  }

  unsubscribe(userIds: readonly string[]): void {
    this.viewer.unsubscribe(this, userIds);
    this.#places.unwatch(this, userIds);
  }

  close(): void {
    this.#places.close(this);
  }

  /** The socket waits for the answer, until it is closed. */
  addLookup(request: LookupRequest): void {
    this.#lookups ??= new Set();
    this.#lookups.add(request);
    void request.done.then(() => this.#removeLookup(request));
  }

  cancelLookups(): void {
    for (const request of this.#lookups ?? []) request.cancel();
  }

  /** Adds users that the socket watches from now on. A snapshot is sent even when the state of none of them is known. */
  addToSnapshot(users: readonly WatchedUser<Subscriber>[]): void {
    this.#owesSnapshot = true;
    this.#snapshot ??= new Set();
    for (const user of users) this.#snapshot.add(user);
  }

  addChanged(user: WatchedUser<Subscriber>): void {
    this.#changed ??= new Set();
    this.#changed.add(user);
  }

  /** Sent as a snapshot: the user neither came nor went. What is to be told of that has the devices, too. */
  addDeviceChange(user: WatchedUser<Subscriber>): void {
    if (!this.sink.format.includesDevices || !this.#hadSnapshot || this.#changed?.has(user)) return;
    this.#snapshot ??= new Set();
    this.#snapshot.add(user);
  }

  /** Adds users that the socket may not see. */
  addHidden(userIds: readonly string[]): void {
    this.#hidden ??= new Set();
    for (const userId of userIds) this.#hidden.add(userId);
  }

  /** Takes all users in one call: each call walks the whole array. */
  forget(users: ReadonlySet<WatchedUser<Subscriber>>): void {
    this.watched = this.watched.filter((user) => !users.has(user));
    for (const user of users) {
      this.#snapshot?.delete(user);
      this.#changed?.delete(user);
    }
  }

  /** Hidden users that have yet to be sent. */
  get unsentHidden(): number {
    return this.#hidden?.size ?? 0;
  }

  /** Whether there is something to send, unverified users included. */
  hasUnsent(isStale: boolean): boolean {
    return this.pending > 0 || this.#owesStale(isStale);
  }

  /** Users whose state has yet to be sent. */
  get pending(): number {
    return (this.#snapshot?.size ?? 0) + (this.#changed?.size ?? 0) + (this.#hidden?.size ?? 0);
  }

  /**
   * Takes the content of the next frame. Users of whom it is not known whether this socket may see them, or what of them, are
   * left for later. "stale" is sent before dots; "no longer stale" after the dots that make it true.
   */
  take(isStale: boolean): FrameContent | undefined {
    if (isStale && this.#owesStale(isStale)) return this.#takeStale(isStale);
    if (this.#hidden !== undefined) {
      const userIds = [...this.#hidden];
      this.#hidden = undefined;
      return { kind: "hidden", userIds };
    }
    if (this.#snapshot !== undefined) {
      for (const user of this.#snapshot) this.#changed?.delete(user);
      const content: UsersContent = { kind: "snapshot", users: [], news: [] };
      this.#snapshot = this.#takeUsers(this.#snapshot, content);
      const isOwed = this.#owesSnapshot;
      this.#owesSnapshot = false;
      this.#hadSnapshot ||= isOwed;
      if (content.users.length > 0 || isOwed) return content;
    }
    if (this.#changed !== undefined) {
      const content: UsersContent = { kind: "presence", users: [], news: [] };
      this.#changed = this.#takeUsers(this.#changed, content);
      // In no order that tells whose state took how long to find.
      content.users.sort(byUserId);
      if (content.users.length > 0) return content;
    }
    return this.#owesStale(isStale) ? this.#takeStale(isStale) : undefined;
  }

  /** "No longer stale" is not sent before the first snapshot. */
  #owesStale(isStale: boolean): boolean {
    return isStale !== this.#sentStale && (isStale || this.#hadSnapshot);
  }

  #takeStale(isStale: boolean): FrameContent {
    this.#sentStale = isStale;
    return { kind: "stale", isStale };
  }

  #removeLookup(request: LookupRequest): void {
    this.#lookups?.delete(request);
    if (this.#lookups?.size === 0) this.#lookups = undefined;
  }

  /** @returns those that are left for later */
  #takeUsers(
    from: ReadonlySet<WatchedUser<Subscriber>>,
    { users, news }: UsersContent,
  ): Set<WatchedUser<Subscriber>> | undefined {
    let left: Set<WatchedUser<Subscriber>> | undefined;
    for (const user of from) {
      const { guard } = user;
      const isUnsure =
        user.policy === "doubted" || this.viewer.isUnverified(user.userId) || guard?.isJudged(this) === false;
      const shown = guard === undefined ? user.told : guard.shownTo(this);
      if (!isUnsure && shown !== undefined) {
        users.push(shown);
        if (user.news !== undefined) news.push(user.news);
      } else if (isUnsure && (shown ?? guard?.away) !== undefined) {
        left ??= new Set();
        left.add(user);
      }
    }
    return left;
  }
}

function byUserId(one: ShownUser, other: ShownUser): number {
  return one.userId < other.userId ? -1 : 1;
}
