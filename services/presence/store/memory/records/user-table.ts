import { Lanes } from "./lanes.ts";
import { noRow } from "./session-table.ts";
import { notFound, type TextIndex } from "./text-index.ts";

/** What `UserTable.find` returns for a user that it does not know. */
export const noUser = notFound;

const departed = 0;

/** Users by id, as rows of typed columns. */
export class UserTable {
  readonly #ids: TextIndex;
  readonly #versions: Float64Array;
  readonly #lastSeen: Float64Array;
  readonly #online: Uint8Array;
  readonly #firstRow: Int32Array;
  /** Who is offline, in the order in which they left. */
  readonly #departures: Lanes;

  constructor(capacity: number, ids: TextIndex) {
    this.#ids = ids;
    this.#versions = new Float64Array(capacity);
    this.#lastSeen = new Float64Array(capacity);
    this.#online = new Uint8Array(capacity);
    this.#firstRow = new Int32Array(capacity);
    this.#departures = new Lanes(capacity, 1);
  }

  /** Numbers of users are below this. */
  get end(): number {
    return this.#ids.end;
  }

  find(userId: string): number {
    return this.#ids.find(userId);
  }

  /** Adds a user who is online, to be updated, and has no rows yet. */
  add(userId: string): number {
    const user = this.#ids.add(userId);
    this.#online[user] = 1;
    this.#firstRow[user] = noRow;
    return user;
  }

  setVersion(user: number, version: number): void {
    this.#versions[user] = version;
  }

  /** Forgets a user who is offline. */
  forget(user: number): void {
    this.#departures.remove(user);
    this.#ids.remove(user);
  }

  id(user: number): string {
    return this.#ids.text(user);
  }

  isOnline(user: number): boolean {
    return this.#online[user] === 1;
  }

  version(user: number): number {
    return this.#versions[user] as number;
  }

  lastSeenMs(user: number): number {
    return this.#lastSeen[user] as number;
  }

  firstRow(user: number): number {
    return this.#firstRow[user] as number;
  }

  setFirstRow(user: number, row: number): void {
    this.#firstRow[user] = row;
  }

  update(user: number, { online, version, lastSeenMs }: { online: boolean; version: number; lastSeenMs: number }) {
    if (online !== this.isOnline(user)) {
      if (online) this.#departures.remove(user);
      else this.#departures.append(user, departed);
    }
    this.#online[user] = Number(online);
    this.#versions[user] = version;
    // A page of zeros that is only read takes no memory, and a user who never left has no last_seen.
    if (this.#lastSeen[user] !== lastSeenMs) this.#lastSeen[user] = lastSeenMs;
  }

  /** Of the users who are offline, the one who left longest ago. */
  firstDeparted(): number {
    return this.#departures.first(departed);
  }
}
