import type { Subscriber } from "./subscriber.ts";
import { WatchedUser } from "./watched-user.ts";

/** Which sockets of this gateway watch which users, and the users' states, kept until the last watcher leaves. */
export class InterestIndex {
  readonly #users = new Map<string, WatchedUser<Subscriber>>();
  #interests = 0;

  /** Users with a watcher. */
  get size(): number {
    return this.#users.size;
  }

  /** Pairs of a socket and a user it watches. */
  get interests(): number {
    return this.#interests;
  }

  get(userId: string): WatchedUser<Subscriber> | undefined {
    return this.#users.get(userId);
  }

  /** Users, in the order in which they got their first watcher. The index may change during the iteration. */
  values(): MapIterator<WatchedUser<Subscriber>> {
    return this.#users.values();
  }

  watch(subscriber: Subscriber, userId: string): WatchedUser<Subscriber> {
    let user = this.#users.get(userId);
    if (user === undefined) {
      user = new WatchedUser<Subscriber>(userId);
      this.#users.set(userId, user);
    }
    if (!user.watchers.has(subscriber)) {
      user.watchers.add(subscriber);
      subscriber.watched.push(user);
      this.#interests++;
    }
    return user;
  }

  unwatch(subscriber: Subscriber, userIds: readonly string[]): void {
    const users = new Set<WatchedUser<Subscriber>>();
    for (const userId of userIds) {
      const user = this.#users.get(userId);
      if (user?.watchers.has(subscriber)) users.add(user);
    }
    if (users.size === 0) return;
    subscriber.forget(users);
    for (const user of users) this.#release(subscriber, user);
  }

  unwatchAll(subscriber: Subscriber): void {
    for (const user of subscriber.watched) this.#release(subscriber, user);
    subscriber.watched = [];
  }

  #release(subscriber: Subscriber, user: WatchedUser<Subscriber>): void {
    user.watchers.delete(subscriber);
    this.#interests--;
    if (user.watchers.size === 0) this.#users.delete(user.userId);
  }
}
