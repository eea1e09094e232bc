import type { Dot } from "./dot.ts";
import type { Outlet } from "./outlet.ts";
import type { Question } from "./question.ts";
import type { Viewer } from "./viewer.ts";
import type { WatchedUser } from "./watched-user.ts";

/** What a socket is to be sent next. */
export type News =
  | { readonly kind: "stale"; readonly isStale: boolean }
  | { readonly kind: "hidden"; readonly userIds: string[] }
  | { readonly kind: "snapshot" | "presence"; readonly dots: Dot[] };

/**
 * A socket as push sees it: whom it watches, and of whom it has yet to be told. That is a set of users and no queue of
 * frames: what is sent is what is true when the socket can take it.
 */
export class Subscriber {
  readonly viewer: Viewer<Subscriber>;
  readonly outlet: Outlet;
  /** Few, and seldom taken from: an array, since a Set takes four times the memory. */
  watched: WatchedUser<Subscriber>[] = [];
  isClosed = false;
  // Absent while empty: a socket is idle most of its life, and there are many of them.
  #hidden: Set<string> | undefined;
  #arrived: Set<WatchedUser<Subscriber>> | undefined;
  #changed: Set<WatchedUser<Subscriber>> | undefined;
  #questions: Set<Question> | undefined;
  #isOwedSnapshot = false;
  #hadSnapshot = false;
  #wasToldStale = false;

  constructor(viewer: Viewer<Subscriber>, outlet: Outlet) {
    this.viewer = viewer;
    this.outlet = outlet;
  }

  /** It waits for the answer, at most as long as it is open. */
  asked(question: Question): void {
    this.#questions ??= new Set();
    this.#questions.add(question);
    void question.done.then(() => this.#answered(question));
  }

  cancelQuestions(): void {
    for (const question of this.#questions ?? []) question.cancel();
  }

  /** To be told of users whom it watches from now on; even when nothing is known of them, it is told so. */
  arrived(users: readonly WatchedUser<Subscriber>[]): void {
    this.#isOwedSnapshot = true;
    this.#arrived ??= new Set();
    for (const user of users) this.#arrived.add(user);
  }

  changed(user: WatchedUser<Subscriber>): void {
    this.#changed ??= new Set();
    this.#changed.add(user);
  }

  /** Told as a snapshot: clients take over one of the version that they hold. */
  changedDevices(user: WatchedUser<Subscriber>): void {
    if (!this.outlet.format.tellsDevices || !this.#hadSnapshot) return;
    this.#arrived ??= new Set();
    this.#arrived.add(user);
  }

  /** To be told that there is nothing to see of these users. */
  hid(userIds: readonly string[]): void {
    this.#hidden ??= new Set();
    for (const userId of userIds) this.#hidden.add(userId);
  }

  /** All at once: each one is looked for in all of those watched. */
  forget(users: ReadonlySet<WatchedUser<Subscriber>>): void {
    this.watched = this.watched.filter((user) => !users.has(user));
    for (const user of users) {
      this.#arrived?.delete(user);
      this.#changed?.delete(user);
    }
  }

  /** Users whom it has yet to be told that it may not see. */
  get untoldHidden(): number {
    return this.#hidden?.size ?? 0;
  }

  /** Whether there is something to tell it, if only of users in doubt. */
  hasNews(isStale: boolean): boolean {
    return this.pending > 0 || this.#hasToHear(isStale);
  }

  /** Users of whom it has yet to be told. */
  get pending(): number {
    return (this.#arrived?.size ?? 0) + (this.#changed?.size ?? 0) + (this.#hidden?.size ?? 0);
  }

  /**
   * Takes what it is to be told next, in one frame. Users of whom it is in doubt whether it may see them are left for
   * later. That dots may not be current comes before them, that they are again comes after those that make it true.
   */
  take(isStale: boolean): News | undefined {
    if (isStale && this.#hasToHear(isStale)) return this.#hearsStale(isStale);
    if (this.#hidden !== undefined) {
      const userIds = [...this.#hidden];
      this.#hidden = undefined;
      return { kind: "hidden", userIds };
    }
    if (this.#arrived !== undefined) {
      for (const user of this.#arrived) this.#changed?.delete(user);
      const { dots, left } = this.#tell(this.#arrived);
      this.#arrived = left;
      const isOwed = this.#isOwedSnapshot;
      this.#isOwedSnapshot = false;
      this.#hadSnapshot ||= isOwed;
      if (dots.length > 0 || isOwed) return { kind: "snapshot", dots };
    }
    if (this.#changed !== undefined) {
      const { dots, left } = this.#tell(this.#changed);
      this.#changed = left;
      if (dots.length > 0) return { kind: "presence", dots };
    }
    return this.#hasToHear(isStale) ? this.#hearsStale(isStale) : undefined;
  }

  /** Nothing is current for a socket that has not had its first snapshot. */
  #hasToHear(isStale: boolean): boolean {
    return isStale !== this.#wasToldStale && (isStale || this.#hadSnapshot);
  }

  #hearsStale(isStale: boolean): News {
    this.#wasToldStale = isStale;
    return { kind: "stale", isStale };
  }

  #answered(question: Question): void {
    this.#questions?.delete(question);
    if (this.#questions?.size === 0) this.#questions = undefined;
  }

  #tell(users: ReadonlySet<WatchedUser<Subscriber>>): { dots: Dot[]; left: Set<WatchedUser<Subscriber>> | undefined } {
    const dots: Dot[] = [];
    let left: Set<WatchedUser<Subscriber>> | undefined;
    for (const user of users) {
      if (user.dot === undefined) continue;
      if (this.viewer.isInDoubt(user.userId)) {
        left ??= new Set();
        left.add(user);
      } else {
        dots.push(user.dot);
      }
    }
    return { dots, left };
  }
}
