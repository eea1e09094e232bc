import { list, text } from "@realchat/presence-redis";
import { transitionsIn } from "../../../domain/log-entry.ts";
import type { Transition } from "../../../domain/transition.ts";
import type { LogReader } from "../log/log-reader.ts";
import { dropOrphans } from "../lua/mending/drop-orphans.ts";
import { recount } from "../lua/mending/recount.ts";
import type { Scripts } from "../scripts.ts";
import type { ShardState } from "../shard/shard-state.ts";

/** Deadlines looked at by one step; more where Redis keeps a shard of at most 128 in one piece. */
const scanCount = 500;
/** Members of one script call. Redis answers no other command meanwhile. */
const callMaxMembers = 100;
/** Users of one shard that are counted at most; of a larger one the number is left as it is. */
const countMaxUsers = 1_000_000;
const logPage = 1_000;
/** A log that moves on this often between reading and comparing is compared at the next walk. */
const maxAttempts = 3;
const start = "0";

/**
 * Walks over the deadlines of one shard: drops those that no record knows, and counts whose are left. The walk sees each
 * deadline that is there all the time, and the log tells who came and left meanwhile. Who gets another session at the
 * wrong moment is missed; so the number is set right only when two walks find the same difference.
 */
export class DeadlineWalk {
  readonly #scripts: Scripts;
  readonly #log: LogReader;
  /** Differences at the last count, by shard. */
  readonly #seen = new Map<ShardState, number>();
  /** Whom the walk under way has met, and the version that it started at. */
  #count: { readonly shard: ShardState; readonly from: number; readonly users: Set<string> } | undefined;

  constructor(scripts: Scripts, log: LogReader) {
    this.#scripts = scripts;
    this.#log = log;
  }

  /**
   * First the deadlines of sessions under no lease, then those of one lease after the other.
   * @returns `cursor`: empty at the end; `dropped`: deadlines; `recounted`: whether the number was set right
   */
  async step(shard: ShardState, cursor: string): Promise<{ cursor: string; dropped: number; recounted: boolean }> {
    if (cursor === "") this.#count = { shard, from: await this.#log.lastVersion(shard), users: new Set() };
    const { leaseId, within } = placeOf(cursor);
    const key = leaseId === "" ? shard.keys.deadlines : shard.keys.leasePrefix + leaseId;
    const [next, pairs] = list(await shard.link.send(["ZSCAN", key, within, "COUNT", String(scanCount)]));
    const members = list(pairs)
      .filter((_, index) => index % 2 === 0)
      .map(text);
    const dropped = await this.#drop(shard, key, leaseId, members);
    this.#meet(shard, members, dropped);
    if (next !== start) return { cursor: cursorOf(leaseId, text(next)), dropped: dropped.size, recounted: false };
    const nextLease = await this.#leaseAfter(shard, leaseId);
    if (nextLease !== undefined) return { cursor: cursorOf(nextLease, start), dropped: dropped.size, recounted: false };
    return { cursor: "", dropped: dropped.size, recounted: await this.#recount(shard) };
  }

  /** The next one, in the order of their ids. */
  async #leaseAfter({ keys, link }: ShardState, leaseId: string): Promise<string | undefined> {
    const leases = list(await link.send(["ZRANGE", keys.leases, "0", "-1"])).map(text);
    return leases.filter((other) => other > leaseId).sort()[0];
  }

  async #drop(
    shard: ShardState,
    deadlines: string,
    lease: string,
    members: readonly string[],
  ): Promise<ReadonlySet<string>> {
    const { keys, link } = shard;
    const { meta, recordPrefix } = keys;
    const dropped = new Set<string>();
    for (let from = 0; from < members.length; from += callMaxMembers) {
      const some = members.slice(from, from + callMaxMembers);
      for (const member of await this.#scripts.run(
        link,
        dropOrphans,
        { deadlines, meta },
        { recordPrefix, lease },
        some,
      )) {
        dropped.add(member);
      }
    }
    return dropped;
  }

  #meet(shard: ShardState, members: readonly string[], dropped: ReadonlySet<string>): void {
    const count = this.#count;
    if (count?.shard !== shard) return;
    for (const member of members) {
      const isOfLease = member.startsWith("\0");
      if (!isOfLease && !dropped.has(member)) count.users.add(member.slice(0, member.indexOf("\0")));
    }
    if (count.users.size > countMaxUsers) this.#count = undefined;
  }

  async #recount(shard: ShardState): Promise<boolean> {
    const count = this.#count;
    this.#count = undefined;
    if (count?.shard !== shard) return false;
    let { from: version } = count;
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const caughtUp = await this.#catchUp(shard, version, count.users);
      if (caughtUp === undefined) break;
      version = caughtUp;
      const { meta, log } = shard.keys;
      const args = { version, counted: count.users.size, seen: this.#seen.get(shard) ?? 0 };
      const { isNow, difference, isCorrected } = await this.#scripts.run(shard.link, recount, { meta, log }, args);
      if (!isNow) continue;
      this.#seen.set(shard, isCorrected ? 0 : difference);
      return isCorrected;
    }
    this.#seen.delete(shard);
    return false;
  }

  /** @returns the version that the users are those online at; undefined where entries are missing */
  async #catchUp(shard: ShardState, from: number, users: Set<string>): Promise<number | undefined> {
    let version = from;
    for (;;) {
      const { entries, gap } = await this.#log.read(shard, version, logPage);
      if (gap) return undefined;
      for (const transition of transitionsIn(entries)) apply(transition, users);
      version = entries.at(-1)?.version ?? version;
      if (entries.length < logPage) return version;
    }
  }
}

function apply({ userId, online }: Transition, users: Set<string>): void {
  if (online) users.add(userId);
  else users.delete(userId);
}

/** Where a walk is: in the deadlines, or behind them in those of a lease. */
function cursorOf(leaseId: string, within: string): string {
  return leaseId === "" ? within : `${encodeURIComponent(leaseId)}/${within}`;
}

function placeOf(cursor: string): { leaseId: string; within: string } {
  const [first = "", second] = cursor.split("/");
  return second === undefined
    ? { leaseId: "", within: first || start }
    : { leaseId: decodeURIComponent(first), within: second };
}
