import type { LeaseNotice } from "../domain/lease-notice.ts";
import type { Transition } from "../domain/transition.ts";
import { DeviceWatcher } from "./device-watcher.ts";
import { type LeaseNewsCounts, LeaseWatcher } from "./lease-watcher.ts";
import { Watcher } from "./watcher.ts";

/** The watchers on this node, by user. Each transition costs one look-up, however many watchers there are. */
export class WatchHub {
  readonly #watchers = new Set<Watcher>();
  readonly #byUser = new Map<string, Set<Watcher>>();
  readonly #everyone = new Set<Watcher>();
  readonly #deviceWatchers = new Set<DeviceWatcher>();
  readonly #leaseWatchers = new Set<LeaseWatcher>();
  readonly #byLease = new Map<string, Set<LeaseWatcher>>();
  readonly #leaseNews: LeaseNewsCounts = { superseded: 0, closed: 0, verify: 0 };
  readonly #recovering = new Set<number>();
  readonly #shardOf: (userId: string) => number;
  readonly limit: number;

  /** @param limit watchers open at once on this node */
  constructor(shardOf: (userId: string) => number, limit = 1_000) {
    this.#shardOf = shardOf;
    this.limit = limit;
  }

  get size(): number {
    return this.#watchers.size + this.#deviceWatchers.size + this.#leaseWatchers.size;
  }

  /** What was told to watchers of leases so far. */
  get leaseNews(): Readonly<LeaseNewsCounts> {
    return this.#leaseNews;
  }

  /**
   * Opens a watcher of these users' transitions; of all users' when none is named.
   * @returns undefined when there are too many watchers already
   */
  open(userIds: readonly string[]): Watcher | undefined {
    if (this.size >= this.limit) return undefined;
    const users = new Set(userIds);
    const watcher = new Watcher({
      pendingMax: users.size === 0 ? 100_000 : users.size,
      shards: users.size === 0 ? undefined : new Set([...users].map(this.#shardOf)),
      recovering: this.#recovering,
      close: () => this.#close(watcher, users),
    });
    this.#watchers.add(watcher);
    if (users.size === 0) this.#everyone.add(watcher);
    for (const user of users) addTo(this.#byUser, user, watcher);
    return watcher;
  }

  /** Opens a watcher of device changes. @returns undefined when there are too many watchers already */
  openDevices(): DeviceWatcher | undefined {
    if (this.size >= this.limit) return undefined;
    const watcher = new DeviceWatcher({ close: () => this.#deviceWatchers.delete(watcher) });
    this.#deviceWatchers.add(watcher);
    return watcher;
  }

  /** Opens a watcher of notices for a lease. @returns undefined when there are too many watchers already */
  openLease(leaseId: string): LeaseWatcher | undefined {
    if (this.size >= this.limit) return undefined;
    const close = () => {
      this.#leaseWatchers.delete(watcher);
      removeFrom(this.#byLease, leaseId, watcher);
    };
    const watcher = new LeaseWatcher({ counts: this.#leaseNews, close });
    this.#leaseWatchers.add(watcher);
    addTo(this.#byLease, leaseId, watcher);
    return watcher;
  }

  devicesChanged(userId: string): void {
    for (const watcher of this.#deviceWatchers) watcher.changed(userId);
  }

  leaseNotice(notice: LeaseNotice): void {
    const watchers = this.#byLease.get(notice.leaseId);
    if (watchers !== undefined) for (const watcher of watchers) watcher.notice(notice);
  }

  /** Notices for any lease may have been missed. */
  noticesMissed(): void {
    for (const watcher of this.#leaseWatchers) watcher.missed();
  }

  entry(transition: Transition): void {
    for (const watcher of this.#everyone) watcher.entry(transition);
    const watchers = this.#byUser.get(transition.userId);
    if (watchers !== undefined) for (const watcher of watchers) watcher.entry(transition);
  }

  /** Transitions of this shard were missed. */
  gap(shard: number): void {
    for (const watcher of this.#watchers) watcher.gap(shard);
  }

  /** This shard began anew, perhaps once more: of its users, those who look offline may be online. */
  recovering(shard: number): void {
    this.#recovering.add(shard);
    for (const watcher of this.#watchers) watcher.recovering(shard);
    this.noticesMissed();
  }

  /** All who live had time to come back. */
  recovered(shard: number): void {
    this.#recovering.delete(shard);
    for (const watcher of this.#watchers) watcher.recovered(shard);
  }

  /** Closes every watcher: their clients reconnect to another node. */
  closeAll(): void {
    for (const watcher of [...this.#watchers, ...this.#deviceWatchers, ...this.#leaseWatchers]) watcher.close();
  }

  #close(watcher: Watcher, users: ReadonlySet<string>): void {
    this.#watchers.delete(watcher);
    this.#everyone.delete(watcher);
    for (const user of users) removeFrom(this.#byUser, user, watcher);
  }
}

function addTo<Member>(sets: Map<string, Set<Member>>, key: string, member: Member): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([member]));
  else set.add(member);
}

function removeFrom<Member>(sets: Map<string, Set<Member>>, key: string, member: Member): void {
  const set = sets.get(key);
  set?.delete(member);
  if (set?.size === 0) sets.delete(key);
}
