import { decideExpire, decideLeasedEnd } from "../../../services/presence/domain/change/expire.ts";
import { invariant } from "../../../services/presence/domain/invariant.ts";
import { looksPerTick } from "../../../services/presence/domain/lease.ts";
import type { Moment } from "../../../services/presence/domain/moment.ts";
import { sessionMember } from "../../../services/presence/store/redis/keys.ts";
import type { ServerShard } from "./server-shard.ts";
import type { LeasedDeadline, ShardData } from "./shard-data.ts";
import { commit } from "./user-records.ts";

/** What is due: a member of the deadlines, or a lease. */
interface Due {
  readonly member: string;
  readonly leaseId: string | undefined;
  readonly atMs: number;
}

/** Takes down what is due, oldest deadline first; then sessions that nobody verifies. @returns what of `limit` it took */
export function expire(shard: ServerShard, moment: Moment, limit: number): number {
  const { data, leases } = shard;
  let spent = 0;
  for (const { member, leaseId } of dueOf(data, moment.clockMs).slice(0, limit)) {
    if (spent >= limit) break;
    if (leaseId === undefined) expireMember(shard, member, moment);
    spent += leaseId === undefined ? 1 : endLease(shard, leaseId, moment, limit - spent);
  }
  for (const leaseId of leases.toLookInto(moment.clockMs).slice(0, looksPerTick)) {
    if (spent < limit) spent += 1 + lookInto(shard, leaseId, moment, limit - spent - 1);
  }
  return spent;
}

/** The oldest first. */
function dueOf(data: ShardData, clockMs: number): Due[] {
  const due: Due[] = [];
  if (data.noneDueBeforeMs <= clockMs) {
    let earliestMs = Number.POSITIVE_INFINITY;
    for (const [member, { atMs }] of data.deadlines) {
      earliestMs = Math.min(earliestMs, atMs);
      if (atMs <= clockMs) due.push({ member, leaseId: undefined, atMs });
    }
    data.noneDueBeforeMs = earliestMs;
  }
  for (const [leaseId, { lease }] of data.leases) {
    if (lease.deadlineMs <= clockMs) due.push({ member: "", leaseId, atMs: lease.deadlineMs });
  }
  return due.sort((one, other) => one.atMs - other.atMs);
}

function expireMember(shard: ServerShard, member: string, moment: Moment): void {
  const { data, rules } = shard;
  const deadline = data.deadlines.get(member);
  if (deadline === undefined) return;
  const { userId, due, atMs } = deadline;
  data.deadlines.delete(member);
  const decision = decideExpire(data.records.get(userId), due, atMs, moment, rules);
  if (decision.kind === "expired") commit(shard, userId, decision.deviceId, decision);
}

/** Of a lease whose deadline passed. @returns what of `limit` it took */
function endLease(shard: ServerShard, leaseId: string, moment: Moment, limit: number): number {
  const { data, leases, rules } = shard;
  const wasOpen = leases.isOpen(leaseId);
  if (wasOpen) leases.lose(leaseId);
  const lease = data.leases.get(leaseId)?.lease;
  invariant(lease !== undefined, "a lease that is due is there");
  const { state, deadlineMs } = lease;
  const how = state === "closed" ? "closed" : "lost";
  const seenMs = how === "closed" ? deadlineMs : deadlineMs - rules.leaseTtlMs;
  const all = leasedUnder(data, leaseId);
  const page = all.slice(0, limit - Number(wasOpen));
  for (const session of page) endLeased(shard, session, how, seenMs, moment);
  const spent = Number(wasOpen) + page.length;
  if (page.length < all.length || spent >= limit) return spent;
  leases.forget(leaseId);
  return spent + 1;
}

/** Takes down the sessions of an open lease whose own deadline passed. @returns how many */
function lookInto(shard: ServerShard, leaseId: string, moment: Moment, limit: number): number {
  const { data, leases, rules } = shard;
  const { leasedTtlMs } = rules;
  const page = leasedUnder(data, leaseId)
    .filter(({ atMs }) => atMs <= moment.clockMs)
    .slice(0, limit);
  for (const session of page) endLeased(shard, session, "unverified", session.atMs - leasedTtlMs, moment);
  const [first] = leasedUnder(data, leaseId);
  leases.lookAt(leaseId, first?.atMs ?? moment.clockMs + leasedTtlMs);
  return page.length;
}

function endLeased(
  shard: ServerShard,
  { userId, sessionId, leaseId }: LeasedDeadline,
  how: "lost" | "closed" | "unverified",
  seenClockMs: number,
  moment: Moment,
): void {
  const { data, rules } = shard;
  data.leased.delete(sessionMember(userId, sessionId));
  const due = { sessionId, leaseId };
  const decision = decideLeasedEnd(data.records.get(userId), due, how, seenClockMs, moment, rules);
  if (decision.kind === "expired") commit(shard, userId, decision.deviceId, decision);
}

/** The sessions under a lease, in the order of their own deadlines. */
function leasedUnder({ leased }: ShardData, leaseId: string): LeasedDeadline[] {
  return [...leased.values()].filter((session) => session.leaseId === leaseId).sort((a, b) => a.atMs - b.atMs);
}
