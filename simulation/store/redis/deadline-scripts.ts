import type { ServerShard } from "./server-shard.ts";
import type { ShardData } from "./shard-data.ts";

/** Extends a deadline to that shard clock, ms: of a session, or an open lease as keys.ts names it. */
interface Extension {
  readonly member: string;
  readonly atMs: number;
}

/** ZADD XX GT CH. @returns how many have a later deadline than before */
export function extend({ data }: ServerShard, extensions: readonly Extension[]): number {
  return extensions.filter((extension) => isOlder(extendIfThere(data, extension), extension.atMs)).length;
}

/** The same in the ZSET of a lease. */
export function extendLeased({ data }: ServerShard, leaseId: string, extensions: readonly Extension[]): number {
  const { leased } = data;
  return extensions.filter(({ member, atMs }) => {
    const before = leased.get(member);
    if (before?.leaseId !== leaseId || !isOlder(before.atMs, atMs)) return false;
    leased.set(member, { ...before, atMs });
    return true;
  }).length;
}

export function present({ data }: ServerShard, members: readonly string[]): boolean[] {
  return members.map((member) => deadlineOf(data, member) !== undefined);
}

export function presentUnder({ data }: ServerShard, leaseId: string, members: readonly string[]): boolean[] {
  return members.map((member) => data.leased.get(member)?.leaseId === leaseId);
}

/** ZADD XX GT. @returns the deadline before; undefined: there is none */
export function extendIfThere(data: ShardData, { member, atMs }: Extension): number | undefined {
  const beforeMs = deadlineOf(data, member);
  if (!isOlder(beforeMs, atMs)) return beforeMs;
  const { deadlines, leases } = data;
  const deadline = deadlines.get(member);
  if (deadline !== undefined) deadlines.set(member, { ...deadline, atMs });
  const known = leases.get(member.slice(1));
  if (isOfLease(member) && known !== undefined) {
    leases.set(member.slice(1), { ...known, lease: { ...known.lease, deadlineMs: atMs } });
  }
  return beforeMs;
}

export function isOfLease(member: string): boolean {
  return member.startsWith("\0");
}

function isOlder(beforeMs: number | undefined, atMs: number): boolean {
  return beforeMs !== undefined && beforeMs < atMs;
}

/** Of a session under no lease, or of an open lease. */
function deadlineOf({ deadlines, leases }: ShardData, member: string): number | undefined {
  if (!isOfLease(member)) return deadlines.get(member)?.atMs;
  const lease = leases.get(member.slice(1))?.lease;
  return lease?.state === "open" ? lease.deadlineMs : undefined;
}
