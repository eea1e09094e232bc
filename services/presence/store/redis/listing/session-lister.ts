import { list, type Reply, text } from "@realchat/presence-redis";
import type { Clock } from "@realchat/presence-runtime";
import { pageTokenRefused } from "../../../domain/presence-error.ts";
import type { SessionView } from "../../store.ts";
import type { RecordScan } from "../records/record-scan.ts";
import type { Unreadables } from "../records/unreadables.ts";
import { decodeSessions } from "../records/user-record.ts";
import type { RedisShard } from "../shard/redis-shard.ts";
import type { ShardState } from "../shard/shard-state.ts";
import { holdersIn } from "./lease-lister.ts";

/** Places of the key space that one step looks at: 1.2 ms of Redis, and as much for the records that are there. */
const scanCount = 2_000;
const start = "0";

interface Listed {
  readonly sessions: SessionView[];
  /** Empty at the end. */
  readonly cursor: string;
}

/**
 * Lists sessions from the records. Those of a gateway: first what its leases name, one ZSET after the other; then, by a walk
 * over all records, those under no lease.
 *
 *   cursor = "" / "lease" SP shard SP zscan-cursor SP lease_id / "records" SP scan-cursor
 */
export class SessionLister {
  readonly #shards: readonly RedisShard[];
  readonly #scan: RecordScan;
  readonly #unreadable: Unreadables;
  readonly #clock: Clock;

  constructor(parts: {
    shards: readonly RedisShard[];
    scan: RecordScan;
    unreadable: Unreadables;
    clock: Clock;
  }) {
    this.#shards = parts.shards;
    this.#scan = parts.scan;
    this.#unreadable = parts.unreadable;
    this.#clock = parts.clock;
  }

  /** @throws PresenceError DATA_LOSS when the record cannot be read */
  async ofUser(shard: ShardState, userId: string): Promise<SessionView[]> {
    const record = await shard.link.send(["GET", shard.keys.recordPrefix + userId]);
    return record === null ? [] : this.#read(shard, userId, text(record));
  }

  async ofInstance(instanceId: string, cursor: string, count: number): Promise<Listed> {
    const place = placeOf(cursor, this.#shards.length);
    if (place === undefined) throw pageTokenRefused();
    return place.kind === "records"
      ? this.#fromRecords(instanceId, place.within)
      : this.#fromLeases(instanceId, place, count);
  }

  /** Goes on until it has found some, or the last lease. */
  async #fromLeases(instanceId: string, place: LeasePlace, count: number): Promise<Listed> {
    let { within, leaseId } = place;
    for (let number = place.shard; number < this.#shards.length; number++, leaseId = "", within = start) {
      const { state } = this.#shards[number] as RedisShard;
      const holders = await holdersIn(state);
      const leaseIds = [...holders].filter(([, holder]) => holder.instanceId === instanceId).map(([id]) => id);
      for (const id of leaseIds.filter((id) => (within === start ? id > leaseId : id >= leaseId)).sort()) {
        const from = id === leaseId ? within : start;
        const step = ["ZSCAN", state.keys.leasePrefix + id, from, "COUNT", String(count)];
        const [next, pairs] = list(await state.link.send(step));
        within = text(next);
        const sessions = await this.#underLease(state, id, list(pairs));
        if (sessions.length > 0 || within !== start) return { sessions, cursor: `lease ${number} ${within} ${id}` };
      }
    }
    return { sessions: [], cursor: `records ${start}` };
  }

  /** @param pairs members and deadlines in turn, as ZSCAN tells them */
  async #underLease(shard: ShardState, leaseId: string, pairs: readonly Reply[]): Promise<SessionView[]> {
    const members = new Set(pairs.filter((_, index) => index % 2 === 0).map(text));
    const userIds = [...new Set([...members].map((member) => member.slice(0, member.indexOf("\0"))))];
    const sessions = await this.#readAll(shard, userIds);
    return sessions.filter((one) => one.leaseId === leaseId && members.has(`${one.userId}\0${one.sessionId}`));
  }

  async #fromRecords(instanceId: string, within: string): Promise<Listed> {
    const { cursor, users } = await this.#scan.step(within === start ? "" : within, () => true, scanCount);
    const found = await Promise.all([...users].map(([{ state }, userIds]) => this.#readAll(state, userIds)));
    const sessions = found.flat().filter((one) => one.instanceId === instanceId && one.leaseId === undefined);
    return { sessions, cursor: cursor === "" ? "" : `records ${cursor}` };
  }

  /** What cannot be read is left out. */
  async #readAll(shard: ShardState, userIds: readonly string[]): Promise<SessionView[]> {
    if (userIds.length === 0) return [];
    const records = list(await shard.link.send(["MGET", ...userIds.map((userId) => shard.keys.recordPrefix + userId)]));
    const readBy = this.#readBy(shard);
    return userIds.flatMap((userId, index) => {
      const record = records[index];
      return typeof record === "string" ? (decodeSessions(userId, record, readBy) ?? []) : [];
    });
  }

  #read(shard: ShardState, userId: string, record: string): SessionView[] {
    const sessions = decodeSessions(userId, record, this.#readBy(shard));
    if (sessions === undefined) throw this.#unreadable.record(shard, userId, "is malformed");
    return sessions;
  }

  #readBy({ time }: ShardState): { readonly nowMs: number; readonly aheadUs: number } {
    return { nowMs: Math.floor(this.#clock.nowUs() / 1000), aheadUs: time.orderAheadUs };
  }
}

interface LeasePlace {
  readonly kind: "lease";
  readonly shard: number;
  readonly within: string;
  /** Empty: before the first. */
  readonly leaseId: string;
}

/** @returns undefined when it is no cursor of ours */
function placeOf(
  cursor: string,
  shardCount: number,
): LeasePlace | { readonly kind: "records"; readonly within: string } | undefined {
  if (cursor === "") return { kind: "lease", shard: 0, within: start, leaseId: "" };
  const ofRecords = /^records (\d{1,20}(?: \S+)?)$/.exec(cursor);
  if (ofRecords !== null) return { kind: "records", within: ofRecords[1] as string };
  const ofLease = /^lease (\d{1,5}) (\d{1,20}) (.+)$/.exec(cursor);
  if (ofLease === null || Number(ofLease[1]) >= shardCount) return undefined;
  return { kind: "lease", shard: Number(ofLease[1]), within: ofLease[2] as string, leaseId: ofLease[3] as string };
}
