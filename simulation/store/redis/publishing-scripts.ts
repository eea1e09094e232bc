import type { LogEntry } from "../../../services/presence/domain/log-entry.ts";
import { decideRestate } from "../../../services/presence/domain/restating.ts";
import type { PublisherLease, RestateDuty } from "../../../services/presence/store/store.ts";
import type { ServerShard } from "./server-shard.ts";
import { statusOfEntry } from "./user-records.ts";

/** Published entries stay in the log this long for watchers, ms. */
const watchersMs = 60_000;

export function readLog({ data }: ServerShard, after: number, limit: number): { entries: LogEntry[]; gap: boolean } {
  const { log, goneVersion } = data;
  const first = log.findIndex(({ version }) => version > after);
  return { entries: first === -1 ? [] : log.slice(first, first + limit), gap: after < goneVersion };
}

export function claim({ data, machine }: ServerShard, nodeId: string, leaseMs: number): PublisherLease | undefined {
  const nowMs = machine.monotonicMs();
  if (data.origin === undefined) return undefined;
  const isHeld = data.holder !== undefined && data.holder.untilMs > nowMs;
  if (isHeld && data.holder?.nodeId !== nodeId) return undefined;
  if (!isHeld) data.fence += 1;
  data.holder = { nodeId, untilMs: nowMs + leaseMs };
  return { fence: data.fence, begin: data.begin, cursors: Object.fromEntries(data.cursors) };
}

export function release({ data }: ServerShard, nodeId: string): void {
  if (data.holder?.nodeId === nodeId) data.holder = undefined;
}

export function advance(
  { data, machine }: ServerShard,
  fence: number,
  cursors: Readonly<Record<string, number>>,
): boolean {
  if (data.fence !== fence) return false;
  let passed = data.lastVersion;
  for (const [name, version] of Object.entries(cursors)) {
    const cursor = Math.max(version, data.cursors.get(name) ?? 0);
    data.cursors.set(name, cursor);
    passed = Math.min(passed, cursor);
  }
  const below = Math.min(passed, Math.max(machine.nowUs(), data.lastVersion) - watchersMs * 1_000);
  const kept = data.log.findIndex(({ version }) => version >= below);
  if (kept > 0) {
    data.goneVersion = data.log[kept - 1]?.version ?? data.goneVersion;
    data.log = data.log.slice(kept);
  }
  return true;
}

/** @returns how many; undefined when begin or fence are no longer the shard's */
export function restate(shard: ServerShard, duty: RestateDuty): number | undefined {
  if (!isOwed(shard, duty)) return undefined;
  const { records } = shard.data;
  let restated = 0;
  for (const [userId, record] of records) {
    const transition = decideRestate(record, duty.begin);
    if (transition === undefined) continue;
    const version = shard.append((next) => ({
      ...{ userId, ...transition, version: next, lastSeenMs: 0, shard: shard.number },
      ...statusOfEntry(record),
    }));
    records.set(userId, { ...record, version });
    restated++;
  }
  return restated;
}

export function completeRestating(shard: ServerShard, duty: RestateDuty): boolean {
  if (!isOwed(shard, duty)) return false;
  const { begin } = duty;
  if (shard.data.restated < begin) {
    shard.append((version) => ({ mark: "complete", shard: shard.number, version, begin }));
    shard.data.restated = begin;
  }
  return true;
}

export function beginRestating(shard: ServerShard, fence: number): number | undefined {
  if (shard.data.fence !== fence) return undefined;
  shard.data.begin = shard.append((version) => ({ mark: "begin", shard: shard.number, version }));
  return shard.data.begin;
}

function isOwed({ data }: ServerShard, { begin, fence }: RestateDuty): boolean {
  return data.begin === begin && data.fence === fence;
}
