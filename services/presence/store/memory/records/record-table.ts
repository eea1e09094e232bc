import type { Activity } from "../../../domain/activity.ts";
import type { Device, Tombstone, UserRecord } from "../../../domain/session.ts";
import { DeadlineWheel } from "./deadline-wheel.ts";
import { LeasedRows } from "./leased-rows.ts";
import { noRow, SessionTable } from "./session-table.ts";
import { TextArena } from "./text-arena.ts";
import { TextIndex } from "./text-index.ts";
import { noUser, UserTable } from "./user-table.ts";

interface RecordTableOptions {
  /** Sessions and tombstones together. */
  readonly maxRows: number;
  readonly ttlMs: number;
  /** Farthest deadline ahead of the last tick, ms. */
  readonly horizonMs: number;
  /** Integer that nobody can guess: see TextIndex. */
  readonly hashSeed: number;
}

export interface DueSession {
  readonly userId: string;
  readonly deviceId: string;
  readonly deadlineMs: number;
}

/** A user's record, taken apart into columns and put together again for the rare operations. */
export class RecordTable {
  readonly #users: UserTable;
  readonly #rows: SessionTable;
  readonly #wheel: DeadlineWheel;
  readonly #leased: LeasedRows;
  /** By row: few sessions say something of it. */
  readonly #activities = new Map<number, Activity>();
  #sessions = 0;
  #usersOnline = 0;

  constructor({ maxRows, ttlMs, horizonMs, hashSeed }: RecordTableOptions) {
    // Every record has a row at least, so there are never more users than rows.
    const texts = new TextArena();
    this.#users = new UserTable(maxRows, new TextIndex(texts, maxRows, hashSeed));
    this.#rows = new SessionTable(maxRows, texts);
    this.#wheel = new DeadlineWheel({ deadlines: this.#rows.deadlines, ttlMs, horizonMs });
    this.#leased = new LeasedRows(this.#rows.deadlines);
  }

  get rows(): { used: number; limit: number } {
    return { used: this.#rows.used, limit: this.#rows.capacity };
  }

  get isFull(): boolean {
    return this.#rows.used === this.#rows.capacity;
  }

  /** Live or in grace. */
  get sessions(): number {
    return this.#sessions;
  }

  get usersOnline(): number {
    return this.#usersOnline;
  }

  /** Of the sessions, those under a lease. */
  get leased(): number {
    return this.#leased.size;
  }

  /** Sessions under this lease. */
  underLease(leaseId: string): number {
    return this.#leased.sizeOf(leaseId);
  }

  /**
   * Moves the deadline of a live session, never back.
   * @param leasedMs its deadline if it is under a lease
   * @param leaseId the lease that it must be under; undefined: whichever, or none
   * @returns whether it is there under this session_id
   */
  extend(
    userId: string,
    deviceId: string,
    sessionId: string,
    deadlineMs: number,
    leasedMs: number,
    leaseId?: string,
  ): boolean {
    const user = this.#users.find(userId);
    if (user === noUser) return false;
    const row = this.#rows.findLive(this.#users.firstRow(user), deviceId, sessionId);
    if (row === noRow) return false;
    if (leaseId !== undefined && this.#rows.leaseId(row) !== leaseId) return false;
    const { deadlines } = this.#rows;
    const untilMs = this.#rows.isLeased(row) ? leasedMs : deadlineMs;
    if ((deadlines[row] as number) < untilMs) deadlines[row] = untilMs;
    return true;
  }

  read(userId: string): UserRecord | undefined {
    const user = this.#users.find(userId);
    return user === noUser ? undefined : this.#read(user);
  }

  /** Deadline of a device's session, live or in grace. */
  deadlineMs(userId: string, deviceId: string): number | undefined {
    const user = this.#users.find(userId);
    if (user === noUser) return undefined;
    for (let row = this.#users.firstRow(user); row !== noRow; row = this.#rows.next(row)) {
      if (this.#rows.isCurrent(row) && this.#rows.isOf(row, deviceId)) return this.#rows.deadlines[row];
    }
    return undefined;
  }

  /**
   * Stores a record of which one device changed; others may only have been dropped.
   * @param deadlineMs of the session that the device has now, if any
   */
  write(userId: string, record: UserRecord, deviceId: string, deadlineMs: number): void {
    const found = this.#users.find(userId);
    const wasOnline = found !== noUser && this.#users.isOnline(found);
    const user = found === noUser ? this.#users.add(userId) : found;
    this.#users.update(user, record);
    this.#usersOnline += Number(record.online) - Number(wasOnline);
    this.#dropRows(user, (device) => device === deviceId || !record.devices.has(device));
    const device = record.devices.get(deviceId);
    if (device !== undefined) this.#addRows(user, deviceId, device, deadlineMs);
  }

  /** The session, live or in grace, that fell due first, of those under no lease. @param clockMs never lower than before */
  firstDue(clockMs: number): DueSession | undefined {
    const row = this.#wheel.firstDue(clockMs);
    return row === noRow ? undefined : this.#due(row);
  }

  /** The session under this lease whose own deadline is the first. */
  firstLeased(leaseId: string): DueSession | undefined {
    const row = this.#leased.first(leaseId);
    return row === undefined ? undefined : this.#due(row);
  }

  #due(row: number): DueSession {
    const userId = this.#users.id(this.#rows.user(row));
    return { userId, deviceId: this.#rows.deviceId(row), deadlineMs: this.#rows.deadlines[row] as number };
  }

  /** Forgets the user who left longest ago, if its last version is below the one given. @returns who was, with which version */
  forgetDeparted(belowVersion: number): { readonly userId: string; readonly version: number } | undefined {
    const user = this.#users.firstDeparted();
    if (user === noUser) return undefined;
    const version = this.#users.version(user);
    if (version >= belowVersion) return undefined;
    const userId = this.#users.id(user);
    this.#dropRows(user, () => true);
    this.#users.forget(user);
    return { userId, version };
  }

  /** Users online, in pages. A user who comes or leaves meanwhile may be missing. */
  *online(pageUsers: number): Iterable<string[]> {
    let page: string[] = [];
    for (let user = 0; user < this.#users.end; user++) {
      if (!this.#users.isOnline(user)) continue;
      page.push(this.#users.id(user));
      if (page.length < pageUsers) continue;
      yield page;
      page = [];
    }
    if (page.length > 0) yield page;
  }

  /**
   * Users online among the next ones.
   * @param from the first one's place
   * @returns `next`: the place after the last one; undefined at the end
   */
  onlineFrom(from: number, count: number): { userIds: string[]; next: number | undefined } {
    const userIds: string[] = [];
    const to = Math.min(from + count, this.#users.end);
    for (let user = from; user < to; user++) if (this.#users.isOnline(user)) userIds.push(this.#users.id(user));
    return { userIds, next: to === this.#users.end ? undefined : to };
  }

  /** Gives a user a new version, and changes nothing else. */
  setVersion(userId: string, version: number): void {
    const user = this.#users.find(userId);
    if (user !== noUser) this.#users.setVersion(user, version);
  }

  #read(user: number): UserRecord {
    const devices = new Map<string, { current: Device["current"]; tombstones: Tombstone[] }>();
    for (let row = this.#users.firstRow(user); row !== noRow; row = this.#rows.next(row)) {
      const deviceId = this.#rows.deviceId(row);
      const device = devices.get(deviceId) ?? { current: undefined, tombstones: [] };
      const state = this.#rows.state(row);
      if (state === "live" || state === "grace") {
        const leaseId = this.#rows.leaseId(row);
        const activity = this.#activities.get(row);
        const session = this.#rows.session(row);
        device.current = {
          state,
          session,
          ...(leaseId !== undefined && { leaseId }),
          ...(activity !== undefined && { activity }),
        };
      } else device.tombstones.push(this.#rows.tombstone(row));
      devices.set(deviceId, device);
    }
    return {
      version: this.#users.version(user),
      online: this.#users.isOnline(user),
      lastSeenMs: this.#users.lastSeenMs(user),
      devices,
    };
  }

  #dropRows(user: number, drops: (deviceId: string) => boolean): void {
    let kept = noRow;
    for (let row = this.#users.firstRow(user); row !== noRow; ) {
      const next = this.#rows.next(row);
      if (!drops(this.#rows.deviceId(row))) {
        kept = row;
      } else {
        if (kept === noRow) this.#users.setFirstRow(user, next);
        else this.#rows.setNext(kept, next);
        this.#dropRow(row);
      }
      row = next;
    }
  }

  #dropRow(row: number): void {
    if (this.#rows.isCurrent(row)) {
      const leaseId = this.#rows.leaseId(row);
      if (leaseId === undefined) this.#wheel.remove(row);
      else this.#leased.remove(leaseId, row);
      this.#sessions -= 1;
      this.#activities.delete(row);
    }
    this.#rows.free(row);
  }

  #addRows(user: number, deviceId: string, { current, tombstones }: Device, deadlineMs: number): void {
    let first = this.#users.firstRow(user);
    for (const tombstone of tombstones.toReversed()) {
      first = this.#rows.add(user, deviceId, tombstone.ending, tombstone, tombstone.endedAtMs, first);
    }
    if (current !== undefined) {
      const { state, session, leaseId, activity } = current;
      first = this.#rows.add(user, deviceId, state, session, deadlineMs, first, leaseId);
      if (leaseId === undefined) this.#wheel.add(first);
      else this.#leased.add(leaseId, first);
      if (activity !== undefined) this.#activities.set(first, activity);
      this.#sessions += 1;
    }
    this.#users.setFirstRow(user, first);
  }
}
