import {
  type ClaimBook,
  decideClearStatus,
  decideSetStatus,
  endClaims as endOf,
  isForgettable,
  lastSaidMs,
  type NewClaim,
  turnMs,
} from "../../../services/presence/domain/claims.ts";
import { invariant } from "../../../services/presence/domain/invariant.ts";
import type { TwoClocks } from "../../../services/presence/domain/late-change.ts";
import { PresenceError } from "../../../services/presence/domain/presence-error.ts";
import { recoveringUntilMs } from "../../../services/presence/domain/recovery.ts";
import type { UserRecord } from "../../../services/presence/domain/session.ts";
import { plainStatus, type StatusClaim } from "../../../services/presence/domain/status.ts";
import { statusIn } from "../../../services/presence/domain/status-change.ts";
import type { StatusResult, StatusView } from "../../../services/presence/store/store.ts";
import type { ServerShard } from "./server-shard.ts";
import { tell } from "./user-records.ts";

/** This and the next count until `until`, and throw TooLate, NoClock, and PresenceError for who looks offline while it recovers. */
export function setStatus(shard: ServerShard, userId: string, claim: NewClaim, until: TwoClocks): StatusResult {
  const record = recordForClaim(shard, userId, until);
  const decision = decideSetStatus(record?.claims, claim, shard, shard.rules);
  if (decision.kind === "set") writeClaims(shard, userId, decision.book);
  else if (decision.kind !== "kept") return decision;
  return { kind: "done", ...statusOf(shard, userId) };
}

export function clearStatus(
  shard: ServerShard,
  userId: string,
  claim: { readonly claimId: string; readonly setAtMs: number | undefined },
  until: TwoClocks,
): StatusResult {
  const record = recordForClaim(shard, userId, until);
  const book = decideClearStatus(record?.claims, claim, shard, shard.rules);
  if (book !== undefined) writeClaims(shard, userId, book);
  return { kind: "done", ...statusOf(shard, userId) };
}

export function claimsOf(shard: ServerShard, userId: string): { readonly claims: readonly StatusClaim[] } & StatusView {
  return { claims: shard.data.records.get(userId)?.claims?.claims ?? [], ...statusOf(shard, userId) };
}

/** Ends claims whose time of day has come. @returns of how many users */
export function endClaims(shard: ServerShard, limit: number): number {
  const { nowMs, data } = shard;
  const due: string[] = [];
  for (const [userId, atMs] of data.claimTurns) if (atMs <= nowMs && due.length < limit) due.push(userId);
  for (const userId of due) {
    const book = data.records.get(userId)?.claims;
    invariant(book !== undefined, "who has a due claim has claims");
    writeClaims(shard, userId, endOf(book, nowMs));
  }
  return due.length;
}

/** Who looks offline may be online while the shard recovers: nobody is told otherwise. */
function recordForClaim(shard: ServerShard, userId: string, until: TwoClocks): UserRecord | undefined {
  const moment = shard.momentInTime(until);
  const record = shard.data.records.get(userId);
  if (record?.online !== true && moment.clockMs < recoveringUntilMs(moment, shard.rules)) {
    throw new PresenceError("UNAVAILABLE", "the shard recovers, and the user may be online");
  }
  return record;
}

function writeClaims(shard: ServerShard, userId: string, book: ClaimBook): void {
  const { records, claimTurns, lastVersion } = shard.data;
  const unknown = { version: lastVersion, online: false, lastSeenMs: 0, devices: new Map() };
  const record = { ...(records.get(userId) ?? unknown), claims: book };
  const told = tell(shard, userId, record, { leastVersion: lastSaidMs(book) * 1_000 });
  if (isForgettable(book, shard.nowMs)) {
    const { claims: _, ...unclaimed } = told;
    records.set(userId, unclaimed);
    claimTurns.delete(userId);
  } else {
    records.set(userId, told);
    claimTurns.set(userId, turnMs(book));
  }
}

function statusOf({ data }: ServerShard, userId: string): StatusView {
  const record = data.records.get(userId);
  const status = (record && statusIn(record)) ?? plainStatus(record?.online ?? false);
  return { version: record?.version ?? data.lastVersion, status };
}
