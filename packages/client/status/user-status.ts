import { type UserStatus as ToldStatus, Availability as WireAvailability } from "@realchat/presence-proto/presence";
import { wallMsOf } from "../wall-time.ts";

const numbers = {
  available: WireAvailability.AVAILABILITY_AVAILABLE,
  away: WireAvailability.AVAILABILITY_AWAY,
  busy: WireAvailability.AVAILABILITY_BUSY,
  "do-not-disturb": WireAvailability.AVAILABILITY_DO_NOT_DISTURB,
} as const;

export type Availability = keyof typeof numbers;

export const availabilities = Object.keys(numbers) as readonly Availability[];

/** What people see of a user besides online and offline: docs/contract.md#status */
export interface UserStatus {
  /** undefined: offline. */
  readonly availability: Availability | undefined;
  /** Empty: none. */
  readonly text: string;
  readonly emoji: string;
  /** When it changes by itself, wall clock, ms; 0: nothing ends. */
  readonly untilMs: number;
  /** Since when nobody uses any of the user's devices, wall clock, ms; 0: somebody does, or nobody said. */
  readonly idleSinceMs: number;
}

const nothing = { text: "", emoji: "", untilMs: 0, idleSinceMs: 0 } as const;
const plainOnline: UserStatus = Object.freeze({ availability: "available", ...nothing });
const plainOffline: UserStatus = Object.freeze({ availability: undefined, ...nothing });

/** That of most users at most times: nobody claims anything, and not all sessions are idle. */
export function plainStatus(online: boolean): UserStatus {
  return online ? plainOnline : plainOffline;
}

/** @param told undefined: the plain one */
export function userStatusOf(told: ToldStatus | undefined, online: boolean): UserStatus {
  if (told === undefined) return plainStatus(online);
  const { text, emoji } = told;
  const status: UserStatus = {
    // One of a later release says no less than that the user is online.
    availability: availabilityOf(told.availability) ?? plainStatus(online).availability,
    ...{ text, emoji, untilMs: wallMsOf(told.until), idleSinceMs: wallMsOf(told.idleSince) },
  };
  return status.idleSinceMs === 0 && !isToldApart(status, plainStatus(online)) ? plainStatus(online) : status;
}

/** Whether presence makes a transition of the difference: since when somebody is idle is none. */
export function isToldApart(one: UserStatus, other: UserStatus): boolean {
  return (
    one.availability !== other.availability ||
    one.text !== other.text ||
    one.emoji !== other.emoji ||
    one.untilMs !== other.untilMs
  );
}

/** @returns undefined: it says none, or one that only a later release knows */
export function availabilityOf(number: WireAvailability): Availability | undefined {
  return availabilities.find((word) => numbers[word] === number);
}

export function wireAvailabilityOf(availability: Availability | undefined): WireAvailability {
  return availability === undefined ? WireAvailability.AVAILABILITY_UNSPECIFIED : numbers[availability];
}
