/**
 * What people see of a user besides online and offline. Pure; the scripts of store/redis/lua/status/ say the same, and readers
 * take it as it was decided: a claim counts until a tick has ended it.
 */

/** The contract's Availability, each at its number: of two automatic claims the one with the higher number decides. */
export const availabilities = ["UNSPECIFIED", "AVAILABLE", "AWAY", "BUSY", "DO_NOT_DISTURB"] as const;

export type Availability = (typeof availabilities)[number];

/** The claim that users make themselves; all others are automatic. */
export const selfClaim = "self";

/** What somebody says about a user. */
export interface StatusClaim {
  readonly claimId: string;
  /** UNSPECIFIED: it says nothing of that. */
  readonly availability: Availability;
  /** Empty: none. */
  readonly text: string;
  readonly emoji: string;
  /** Wall clock of the store, ms. */
  readonly expiresAtMs: number;
  /** When it was said, by that clock. */
  readonly setAtMs: number;
}

/** What a user's claims say together, whether the user is online or not. */
export interface Said {
  /** UNSPECIFIED: no claim says. */
  readonly availability: Availability;
  readonly text: string;
  readonly emoji: string;
  /** When it is over, wall clock, ms; 0: nothing ends. */
  readonly untilMs: number;
}

/** The result. UNSPECIFIED: offline. */
export interface UserStatus extends Said {
  /** Since when all sessions of the user are idle, wall clock, ms; 0: they are not. */
  readonly idleSinceMs: number;
}

const nothingSaid: Said = { availability: "UNSPECIFIED", text: "", emoji: "", untilMs: 0 };

/** The user's own claim decides, else the strongest automatic one. Text is the user's own, else that of the claim that decided. */
export function saidBy(claims: readonly StatusClaim[]): Said {
  const self = claims.find(({ claimId }) => claimId === selfClaim);
  const automatic = claims.filter(({ claimId }) => claimId !== selfClaim);
  const strongest = automatic.reduce<StatusClaim | undefined>(
    (found, claim) => (found === undefined || isStronger(claim, found) ? claim : found),
    undefined,
  );
  const decider = self !== undefined && self.availability !== "UNSPECIFIED" ? self : strongest;
  const speaker = self !== undefined && hasText(self) ? self : decider;
  const availability = decider?.availability ?? "UNSPECIFIED";
  if (speaker !== undefined && hasText(speaker)) {
    return { availability, text: speaker.text, emoji: speaker.emoji, untilMs: speaker.expiresAtMs };
  }
  if (decider === undefined || availability === "UNSPECIFIED") return nothingSaid;
  return { availability, text: "", emoji: "", untilMs: decider.expiresAtMs };
}

/** @param idleSinceMs since when all sessions are idle; 0: they are not */
export function statusOf(online: boolean, idleSinceMs: number, said: Said): UserStatus {
  if (!online) {
    const untilMs = hasText(said) ? said.untilMs : 0;
    return { ...said, availability: "UNSPECIFIED", untilMs, idleSinceMs: 0 };
  }
  if (said.availability !== "UNSPECIFIED") return { ...said, idleSinceMs };
  return { ...said, availability: idleSinceMs > 0 ? "AWAY" : "AVAILABLE", idleSinceMs };
}

/** Whether the difference is told: since when somebody is idle is not, on its own. */
export function isToldApart(one: UserStatus, other: UserStatus): boolean {
  return (
    one.availability !== other.availability ||
    one.text !== other.text ||
    one.emoji !== other.emoji ||
    one.untilMs !== other.untilMs
  );
}

/** What is told of an offline user without claims, and of an online one who is not idle either: where nothing is, it is this. */
export function plainStatus(online: boolean): UserStatus {
  return online ? plainOnline : plainOffline;
}

const plainOffline = statusOf(false, 0, nothingSaid);
const plainOnline = statusOf(true, 0, nothingSaid);

function hasText({ text, emoji }: Pick<Said, "text" | "emoji">): boolean {
  return text !== "" || emoji !== "";
}

function isStronger(claim: StatusClaim, than: StatusClaim): boolean {
  const [ours, theirs] = [availabilities.indexOf(claim.availability), availabilities.indexOf(than.availability)];
  if (ours !== theirs) return ours > theirs;
  if (claim.setAtMs !== than.setAtMs) return claim.setAtMs > than.setAtMs;
  return Buffer.compare(Buffer.from(claim.claimId), Buffer.from(than.claimId)) > 0;
}
