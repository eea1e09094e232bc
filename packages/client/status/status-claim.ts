import { ClaimSource, type DeepPartial, type StatusClaim as WireClaim } from "@realchat/presence-proto/presence";
import type { PresenceChange } from "../presence-change.ts";
import { wallMsOf, wallTimeOf } from "../wall-time.ts";
import { type Availability, availabilityOf, wireAvailabilityOf } from "./user-status.ts";

/** What users say of themselves; all other claims are automatic: of a calendar, a call. */
export const selfClaim = "self";

/** What somebody says about a user: an availability, a text, an emoji, or more than one of these. */
export interface StatusClaim {
  /** Default `self`, what the user says. It names the claim: another one of this name takes its place. */
  readonly claimId?: string;
  readonly availability?: Availability | undefined;
  /** At most 140 code points, and 32 bytes; neither has control characters. */
  readonly text?: string;
  readonly emoji?: string;
  /** When it ends, wall clock, ms, at most 30 days ahead; default: then. */
  readonly expiresAtMs?: number | undefined;
  /** When it was said, wall clock, ms; default: now. What is said later holds, whatever comes first. */
  readonly setAtMs?: number | undefined;
}

/** A claim as presence has it. */
export interface HeldClaim {
  readonly claimId: string;
  /** undefined: it says none. */
  readonly availability: Availability | undefined;
  /** Empty: none. */
  readonly text: string;
  readonly emoji: string;
  readonly expiresAtMs: number;
  readonly setAtMs: number;
}

export function wireClaimOf(claim: StatusClaim): DeepPartial<WireClaim> {
  const { claimId = selfClaim, availability, text = "", emoji = "", expiresAtMs, setAtMs } = claim;
  return {
    ...{ claimId, availability: wireAvailabilityOf(availability), text, emoji },
    source: claimId === selfClaim ? ClaimSource.CLAIM_SOURCE_MANUAL : ClaimSource.CLAIM_SOURCE_AUTOMATIC,
    expiresAt: wallTimeOf(expiresAtMs),
    setAt: wallTimeOf(setAtMs),
  };
}

export function heldClaimOf({ claimId, availability, text, emoji, expiresAt, setAt }: WireClaim): HeldClaim {
  return {
    ...{ claimId, availability: availabilityOf(availability), text, emoji },
    ...{ expiresAtMs: wallMsOf(expiresAt), setAtMs: wallMsOf(setAt) },
  };
}

/** Whether a user's status can be this claim of the user's own: then nothing was said after it. */
export function mayShow(
  { online, status }: Pick<PresenceChange, "online" | "status">,
  { availability, text, emoji }: HeldClaim,
): boolean {
  const isAvailable = availability === undefined || !online || status.availability === availability;
  return isAvailable && status.text === text && status.emoji === emoji;
}
