import { forgetEldest } from "../forget-eldest.ts";

/** What is said of a user. */
interface UserState {
  readonly userId: string;
  readonly online: boolean;
  readonly version: number;
}

/**
 * The latest that is known of each user. Those online are all kept; of those who left as many as `offlineMax`, since it
 * takes a version to tell an old message from a new one, and old messages are not told for long.
 */
export class KnownUsers {
  readonly #online = new Map<string, number>();
  readonly #offline = new Map<string, number>();
  readonly #unknownAreOffline: boolean;
  readonly #offlineMax: number;

  /** @param options.unknownAreOffline to be told that someone unknown is offline changes nothing */
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

  /** @returns undefined when nothing is known of the user */
  isOnline(userId: string): boolean | undefined {
    if (this.#online.has(userId)) return true;
    return this.#offline.has(userId) || this.#unknownAreOffline ? false : undefined;
  }

  /** Takes over what is newer than what is known. @returns whether the user came or went, or is new here */
  merge(state: UserState): boolean {
    const { userId, version } = state;
    const held = this.#online.get(userId) ?? this.#offline.get(userId);
    return held === undefined || version > held ? this.replace(state) : false;
  }

  /** Takes over what was asked for after all that is known, whatever its version: a store that lost data starts anew. */
  replace({ userId, online, version }: UserState): boolean {
    const isChange = this.isOnline(userId) !== online;
    this.#online.delete(userId);
    this.#offline.delete(userId);
    (online ? this.#online : this.#offline).set(userId, version);
    if (this.#offline.size > this.#offlineMax) forgetEldest(this.#offline);
    return isChange;
  }
}
