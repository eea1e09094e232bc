import { plainStatus, type UserStatus } from "@realchat/presence-client";
import type { FakeClock } from "@realchat/presence-runtime/testing";
import type { PresenceUpdate } from "../../../feed/feed.ts";
import type { Dot } from "../../dot.ts";
import { people } from "./events.ts";

/** What is so of a user. */
export interface Truth {
  readonly online: boolean;
  readonly version: number;
  readonly lastSeenMs: number;
  readonly status: UserStatus;
}

export const causes = { connected: 1, loggedOut: 3, restated: 6, status: 9 } as const;
/** How far beyond all that is known a shard begins anew. */
const leadUs = 10_000;
const device = "phone";

/** What is true of everybody, and what the store of presence has of it, which may lose data. */
export class SimulatedPresence {
  readonly #clock: FakeClock;
  readonly #truth = new Map<string, Truth>();
  /** What the store has of each user, and had before; none: nothing. */
  readonly #records = new Map<string, Truth>();
  readonly #olderRecords = new Map<string, Truth>();
  /** When each user came or went, by version, for ever. */
  readonly #history = new Map<string, Truth[]>();
  /** While it recovers: the version at which it began anew. */
  #begin: number | undefined;
  /** The version at which it began anew last, and last with nothing. */
  #lastBegin = 0;
  #dataSince = 0;

  constructor(clock: FakeClock) {
    this.#clock = clock;
    const version = clock.nowUs();
    for (const user of people) this.write(user, { online: false, version, lastSeenMs: 0, status: plainStatus(false) });
  }

  get isRecovering(): boolean {
    return this.#begin !== undefined;
  }

  get dataSince(): number {
    return this.#dataSince;
  }

  truthOf(user: string): Truth {
    return this.#truth.get(user) as Truth;
  }

  /** What was true at a version. */
  truthAt(user: string, version: number): Truth | undefined {
    return this.#history.get(user)?.findLast((truth) => truth.version <= version);
  }

  /** What the store says. */
  stored(userId: string): Dot {
    const record = this.#records.get(userId) ?? this.#absent();
    return { userId, ...record, cause: 0, deviceId: "", atUs: 0, shard: 0, devices: record.online ? [device] : [] };
  }

  /** It is so, and the store has it. */
  write(user: string, truth: Truth): void {
    const record = this.#records.get(user);
    if (record !== undefined) this.#olderRecords.set(user, record);
    this.#records.set(user, truth);
    this.becomes(user, truth);
  }

  /** It is so, and the store does not hear of it. */
  becomes(user: string, truth: Truth): void {
    this.#truth.set(user, truth);
    this.#history.set(user, [...(this.#history.get(user) ?? []), truth]);
  }

  /** Also where the store forgot a change, the next one comes later than within the same microsecond. */
  nextVersion(user: string): number {
    const last = Math.max(this.truthOf(user).version, this.#records.get(user)?.version ?? 0, this.#lastBegin);
    const given = new Set(this.#history.get(user)?.map(({ version }) => version));
    let version = Math.max(last + 1, this.#clock.nowUs());
    while (given.has(version)) version++;
    return version;
  }

  update(userId: string, cause: number): PresenceUpdate {
    const deviceId = cause === causes.status || cause === 0 ? "" : device;
    return { userId, ...this.truthOf(userId), cause, deviceId, shard: 0 };
  }

  /** It loses data. @param keptOf what is kept of a user; undefined: nothing of anybody, and no mark of the data either */
  lose(keptOf: ((user: string) => "nothing" | "older" | "all") | undefined): void {
    this.#lastBegin = Math.max(this.#clock.nowUs(), this.#lastBegin) + leadUs;
    this.#begin = this.#lastBegin;
    if (keptOf === undefined) this.#dataSince = this.#begin;
    for (const user of people) {
      const older = this.#olderRecords.get(user);
      const kept = keptOf?.(user) ?? "nothing";
      if (kept === "nothing" || (kept === "older" && older === undefined)) this.#records.delete(user);
      else if (kept === "older") this.#records.set(user, older as Truth);
    }
  }

  /**
   * Gateways have registered again who is online.
   * @returns who is restated, and the version of the resets that follow; undefined: it does not recover
   */
  recover(): { readonly restated: readonly PresenceUpdate[]; readonly begin: number } | undefined {
    const begin = this.#begin;
    if (begin === undefined) return undefined;
    this.#begin = undefined;
    const restated: PresenceUpdate[] = [];
    for (const user of people) {
      const record = this.#records.get(user);
      const { online, lastSeenMs, status } = this.truthOf(user);
      if (!online && !record?.online) continue;
      if (online && record?.online && record.version > begin) continue;
      const restatement = { online, version: this.nextVersion(user), lastSeenMs, status };
      this.#records.set(user, restatement);
      restated.push({ ...this.update(user, online ? causes.restated : 0), ...restatement });
    }
    return { restated, begin };
  }

  #absent(): Truth {
    const version = Math.max(this.#clock.nowUs(), this.#lastBegin);
    return { online: false, version, lastSeenMs: 0, status: plainStatus(false) };
  }
}

export function offlineLike({ status }: Truth): Pick<Truth, "online" | "status"> {
  return { online: false, status: statusSaying(false, status) };
}

/** What presence tells where somebody says no more than that. */
export function statusSaying(online: boolean, { text, emoji }: Pick<UserStatus, "text" | "emoji">): UserStatus {
  return text === "" && emoji === "" ? plainStatus(online) : { ...plainStatus(online), text, emoji };
}
