import { claimMaxMs, minuteMs } from "../../../domain/claims.ts";
import type { Rules } from "../../../domain/rules.ts";
import { type Availability, availabilities } from "../../../domain/status.ts";
import type { StatusResult } from "../../store.ts";
import type { ModelSession } from "./sessions.ts";

const never = Number.NEGATIVE_INFINITY;

/** By user. */
export type Claims = Map<string, UserClaims>;

/** Times of day, ms. */
export interface UserClaims {
  list: ModelClaim[];
  /** The last one first. */
  cleared: ModelClaim[];
  minuteFromMs: number;
  count: number;
}

interface ModelClaim {
  readonly claimId: string;
  readonly availability: Availability;
  readonly text: string;
  /** 0: nothing was said of that. */
  readonly forMs: number;
  readonly endsAtMs: number;
  readonly setAtMs: number;
}

export interface NewClaim {
  readonly claimId: string;
  readonly availability: Availability;
  readonly text: string;
  /** 0: nothing is said of that. */
  readonly forMs: number;
  /** Time of day at which it was said; undefined: now. */
  readonly saidMs: number | undefined;
}

export type EndOfClaim = Pick<NewClaim, "claimId" | "saidMs">;

/** What people see. */
export interface ModelStatus {
  readonly availability: Availability;
  readonly text: string;
  readonly endsAtMs: number | undefined;
  readonly isIdle: boolean;
}

export function newClaims(): UserClaims {
  return { list: [], cleared: [], minuteFromMs: never, count: 0 };
}

export function claim(claims: UserClaims, call: NewClaim, dayMs: number, rules: Rules): StatusResult["kind"] {
  const { claimId, availability, text, forMs, saidMs } = call;
  const setAtMs = saidMs ?? dayMs;
  const stored = claims.list.find((claim) => claim.claimId === claimId);
  const cleared = claims.cleared.find((claim) => claim.claimId === claimId && claim.endsAtMs > dayMs);
  const lastMs = (stored ?? cleared)?.setAtMs ?? never;
  if (setAtMs <= lastMs) return "done";
  const isSame = stored?.availability === availability && stored.text === text && forMs === 0 && stored.forMs === 0;
  if (isSame && saidMs === undefined) return "done";
  if (stored === undefined && claims.list.length >= rules.userMaxClaims) return "too-many";
  if (claims.minuteFromMs + minuteMs <= dayMs) Object.assign(claims, { minuteFromMs: dayMs, count: 0 });
  if (claims.count >= rules.minuteMaxClaims) return "too-often";
  claims.count += 1;
  const endsAtMs = dayMs + (forMs || claimMaxMs);
  const others = claims.list.filter((claim) => claim.claimId !== claimId);
  claims.list = [...others, { claimId, availability, text, forMs, endsAtMs, setAtMs }];
  claims.cleared = claims.cleared.filter((claim) => claim.claimId !== claimId);
  return "done";
}

export function unclaim(claims: UserClaims, { claimId, saidMs }: EndOfClaim, dayMs: number, rules: Rules): void {
  const setAtMs = saidMs ?? dayMs;
  const stored = claims.list.find((claim) => claim.claimId === claimId);
  if (stored === undefined || setAtMs <= stored.setAtMs) return;
  claims.list = claims.list.filter((claim) => claim !== stored);
  const lasting = claims.cleared.filter(({ endsAtMs }) => endsAtMs > dayMs);
  claims.cleared = [{ ...stored, setAtMs }, ...lasting].slice(0, rules.userMaxClaims);
}

export function endClaims(claims: UserClaims, dayMs: number): void {
  claims.list = claims.list.filter(({ endsAtMs }) => endsAtMs > dayMs);
}

/** @param sessions that the user has */
export function statusOf(list: readonly ModelClaim[], sessions: readonly ModelSession[]): ModelStatus {
  const rank = ({ availability }: ModelClaim) => availabilities.indexOf(availability);
  const self = list.find(({ claimId }) => claimId === "self");
  const [strongest] = list
    .filter((claim) => claim !== self)
    .sort((a, b) => rank(b) - rank(a) || b.setAtMs - a.setAtMs || (a.claimId < b.claimId ? 1 : -1));
  const decider = self !== undefined && rank(self) > 0 ? self : strongest;
  const speaker = self !== undefined && self.text !== "" ? self : decider;
  const text = speaker?.text ?? "";
  const isIdle = sessions.length > 0 && sessions.every(({ activity }) => activity?.idle === "long");
  const claimed = decider === undefined || rank(decider) === 0 ? undefined : decider.availability;
  const availability = sessions.length === 0 ? "UNSPECIFIED" : (claimed ?? (isIdle ? "AWAY" : "AVAILABLE"));
  const ending = text !== "" ? speaker : sessions.length > 0 && claimed !== undefined ? decider : undefined;
  return { availability, text, endsAtMs: ending?.endsAtMs, isIdle };
}

/** Availability, text, whether it ends, whether all sessions are idle. */
export function inWords({ availability, text, endsAtMs, isIdle }: ModelStatus): string {
  const words = [availability, text && `"${text}"`, endsAtMs !== undefined && "ends", isIdle && "idle"];
  return words.filter(Boolean).join(" ");
}
