import type { Availability, StatusClaim } from "./status.ts";

/**
 * The claims that are made of one user, and what is remembered of them. Times are those of the store's wall clock, ms. Pure;
 * the scripts of store/redis/lua/status/ say the same.
 */
export interface ClaimBook {
  readonly claims: readonly StatusClaim[];
  /** Those that were cleared, until they would have ended: what was said before must not bring them back. */
  readonly cleared: readonly ClearedClaim[];
  /** When the first claim of a minute was set, and how many were since. */
  readonly minute: { readonly fromMs: number; readonly count: number };
}

interface ClearedClaim {
  readonly claimId: string;
  readonly expiresAtMs: number;
  readonly setAtMs: number;
}

/** See Rules. */
interface ClaimRules {
  readonly userMaxClaims: number;
  readonly minuteMaxClaims: number;
}

export const minuteMs = 60_000;
/** How long a claim lasts at most, and without expires_at: 30 days. */
export const claimMaxMs = 30 * 86_400_000;

export interface NewClaim {
  readonly claimId: string;
  readonly availability: Availability;
  readonly text: string;
  readonly emoji: string;
  /** undefined: after the longest time. */
  readonly expiresAtMs: number | undefined;
  /** undefined: now, see nowSaidMs. Later than now counts as now. */
  readonly setAtMs: number | undefined;
}

/** When a decision about claims is taken. */
interface SayingMoment {
  /** Wall clock of the store, ms: claims end by it. */
  readonly nowMs: number;
  /** Of the shard's next transition. */
  readonly nextVersion: number;
}

type ClaimDecision =
  | { readonly kind: "set"; readonly book: ClaimBook }
  /** It is there already, or what is there was said later. */
  | { readonly kind: "kept" }
  /** Its end has passed. */
  | { readonly kind: "over" }
  | { readonly kind: "too-many" }
  /** `leftMs`: then another one may be set. */
  | { readonly kind: "too-often"; readonly leftMs: number };

const noClaims: ClaimBook = { claims: [], cleared: [], minute: { fromMs: 0, count: 0 } };

export function decideSetStatus(
  before: ClaimBook | undefined,
  request: NewClaim,
  moment: SayingMoment,
  { userMaxClaims, minuteMaxClaims }: ClaimRules,
): ClaimDecision {
  const { nowMs } = moment;
  const { claims, cleared, minute } = before ?? noClaims;
  const { claimId, availability, text, emoji } = request;
  if (request.expiresAtMs !== undefined && request.expiresAtMs <= nowMs) return { kind: "over" };
  const stored = claims.find((claim) => claim.claimId === claimId);
  const forgotten = cleared.find((claim) => claim.claimId === claimId && claim.expiresAtMs > nowMs);
  const last = stored ?? forgotten;
  const setAtMs = saidAtMs(request.setAtMs, before ?? noClaims, moment);
  if (last !== undefined && setAtMs <= last.setAtMs) return { kind: "kept" };
  const expiresAtMs = Math.min(request.expiresAtMs ?? Number.POSITIVE_INFINITY, Math.max(nowMs, setAtMs) + claimMaxMs);
  const claim: StatusClaim = { claimId, availability, text, emoji, expiresAtMs, setAtMs };
  if (stored !== undefined && request.setAtMs === undefined && isRepeated(stored, request)) return { kind: "kept" };
  if (stored === undefined && claims.length >= userMaxClaims) return { kind: "too-many" };
  const isOld = minute.fromMs + minuteMs <= nowMs || minute.fromMs > nowMs;
  const counted = isOld ? { fromMs: nowMs, count: 0 } : minute;
  if (counted.count >= minuteMaxClaims) return { kind: "too-often", leftMs: counted.fromMs + minuteMs - nowMs };
  return {
    kind: "set",
    book: {
      claims: [...claims.filter((other) => other !== stored), claim],
      cleared: cleared.filter((other) => other.claimId !== claimId && other.expiresAtMs > nowMs),
      minute: { ...counted, count: counted.count + 1 },
    },
  };
}

/** @returns undefined when nothing changes: it is not there, or was said later */
export function decideClearStatus(
  before: ClaimBook | undefined,
  request: { readonly claimId: string; readonly setAtMs: number | undefined },
  moment: SayingMoment,
  { userMaxClaims }: ClaimRules,
): ClaimBook | undefined {
  const stored = before?.claims.find(({ claimId }) => claimId === request.claimId);
  if (before === undefined || stored === undefined) return undefined;
  const setAtMs = saidAtMs(request.setAtMs, before, moment);
  if (setAtMs <= stored.setAtMs) return undefined;
  const { claimId, expiresAtMs } = stored;
  const fresh: ClearedClaim = { claimId, expiresAtMs, setAtMs };
  const others = before.cleared.filter((other) => other.expiresAtMs > moment.nowMs);
  return {
    ...before,
    claims: before.claims.filter((other) => other !== stored),
    cleared: [fresh, ...others].slice(0, userMaxClaims),
  };
}

/** When the last of them was set or cleared: the version that tells it is no earlier. */
export function lastSaidMs({ claims, cleared }: ClaimBook): number {
  return Math.max(0, ...[...claims, ...cleared].map(({ setAtMs }) => setAtMs));
}

/** What is left when those whose time has come have ended. */
export function endClaims(book: ClaimBook, nowMs: number): ClaimBook {
  const isLeft = ({ expiresAtMs }: { readonly expiresAtMs: number }) => expiresAtMs > nowMs;
  return { ...book, claims: book.claims.filter(isLeft), cleared: book.cleared.filter(isLeft) };
}

/** When the first of the claims ends; without any, when nothing needs to be remembered of it any more. */
export function turnMs({ claims, cleared, minute }: ClaimBook): number {
  const ends = (some: readonly { readonly expiresAtMs: number }[]) => some.map(({ expiresAtMs }) => expiresAtMs);
  return claims.length > 0 ? Math.min(...ends(claims)) : Math.max(minute.fromMs + minuteMs, ...ends(cleared));
}

/** Whether nothing needs to be remembered of it. */
export function isForgettable({ claims, cleared, minute }: ClaimBook, nowMs: number): boolean {
  return claims.length === 0 && cleared.length === 0 && minute.fromMs + minuteMs <= nowMs;
}

/** One that says the same, as long or, without an end, likewise. */
function isRepeated(stored: StatusClaim, request: NewClaim): boolean {
  const isWithoutEnd = stored.expiresAtMs - stored.setAtMs >= claimMaxMs;
  return (
    stored.availability === request.availability &&
    stored.text === request.text &&
    stored.emoji === request.emoji &&
    (request.expiresAtMs === undefined ? isWithoutEnd : stored.expiresAtMs === request.expiresAtMs)
  );
}

function saidAtMs(givenMs: number | undefined, book: ClaimBook, moment: SayingMoment): number {
  const nowMs = nowSaidMs(book, moment);
  return givenMs === undefined ? nowMs : Math.min(givenMs, nowMs);
}

/**
 * When counts as said what is said now: the ms of the version that tells it. Neither a loss of the store nor a step of its wall
 * clock turns that back, so what was said before stays earlier.
 */
function nowSaidMs(book: ClaimBook, { nextVersion }: SayingMoment): number {
  return Math.max(Math.floor(nextVersion / 1_000), lastSaidMs(book) + 1);
}
