import { forgetEldest } from "../forget-eldest.ts";
import { isToldApart, plainStatus, type UserStatus } from "../status/user-status.ts";

/** What is said of a user. */
interface UserState {
  readonly userId: string;
  readonly online: boolean;
  readonly version: number;
  readonly status: UserStatus;
}

/** A newer version may say the same as before. */
export type Merged = "older" | "same" | "change";

/** The version, and the status unless it is the plain one. */
type Known = number | { readonly version: number; readonly status: UserStatus };

/**
 * The latest that is known of each user. Those online are all kept; of those who left as many as `offlineMax`, since it
 * takes a version to tell an old message from a new one, and old messages are not told for long.
 */
export class KnownUsers {
  readonly #online = new Map<string, Known>();
  readonly #offline = new Map<string, Known>();
  readonly #unknownAreOffline: boolean;
  readonly #offlineMax: number;

  /** @param options.unknownAreOffline to be told that someone unknown is offline, without a status, changes nothing */
  constructor(options: { readonly unknownAreOffline: boolean; readonly offlineMax: number }) {
    this.#unknownAreOffline = options.unknownAreOffline;
    this.#offlineMax = options.offlineMax;
  }

  get size(): number {
    return this.#online.size + this.#offline.size;
  }

  onlineUsers(): Iterable<string> {
    return this.#online.keys();
  }

  /** Those offline who were told with a status. */
  *offlineUsersWithStatus(): Iterable<string> {
    for (const [userId, known] of this.#offline) if (typeof known !== "number") yield userId;
  }

  has(userId: string): boolean {
    return this.#online.has(userId) || this.#offline.has(userId);
  }

  /** Takes over what is newer than what is known. @returns "change", too, of a user who is new here */
  merge(state: UserState): Merged {
    const held = this.#find(state.userId);
    return held === undefined || state.version > versionOf(held) ? this.replace(state) : "older";
  }

  /** Takes over what was asked for after all that is known, whatever its version: a store that lost data starts anew. */
  replace(state: UserState): Exclude<Merged, "older"> {
    const { userId, online, version, status } = state;
    const isChange = this.#isChange(state);
    this.#online.delete(userId);
    this.#offline.delete(userId);
    (online ? this.#online : this.#offline).set(userId, status === plainStatus(online) ? version : { version, status });
    if (this.#offline.size > this.#offlineMax) forgetEldest(this.#offline);
    return isChange ? "change" : "same";
  }

  #isChange({ userId, online, status }: UserState): boolean {
    const held = this.#find(userId);
    if (held === undefined && !this.#unknownAreOffline) return true;
    return this.#online.has(userId) !== online || isToldApart(statusOf(held, online), status);
  }

  #find(userId: string): Known | undefined {
    return this.#online.get(userId) ?? this.#offline.get(userId);
  }
}

function versionOf(known: Known): number {
  return typeof known === "number" ? known : known.version;
}

function statusOf(known: Known | undefined, online: boolean): UserStatus {
  return typeof known === "object" ? known.status : plainStatus(online);
}
