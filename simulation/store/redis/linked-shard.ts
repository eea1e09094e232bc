import type { Activity } from "../../../services/presence/domain/activity.ts";
import type { Closing } from "../../../services/presence/domain/block.ts";
import type { NewClaim } from "../../../services/presence/domain/claims.ts";
import { countsUntil, type TwoClocks } from "../../../services/presence/domain/late-change.ts";
import type { Lease } from "../../../services/presence/domain/lease.ts";
import { PresenceError } from "../../../services/presence/domain/presence-error.ts";
import type { Rules } from "../../../services/presence/domain/rules.ts";
import type { SessionRef } from "../../../services/presence/domain/session.ts";
import { tickCapMs } from "../../../services/presence/domain/shard-clock.ts";
import type { DisconnectReason } from "../../../services/presence/domain/transition.ts";
import { leaseMember, sessionMember } from "../../../services/presence/store/redis/keys.ts";
import {
  type KeptBound,
  type KeptCounts,
  KeptHeartbeats,
  type UndecidedHeartbeat,
} from "../../../services/presence/store/redis/shard/kept-heartbeats.ts";
import { ReckonedClock } from "../../../services/presence/store/redis/shard/reckoned-clock.ts";
import { type PendingBound, RefreshQueue } from "../../../services/presence/store/redis/shard/refresh-queue.ts";
import { StoreTime } from "../../../services/presence/store/redis/shard/store-time.ts";
import type {
  Heartbeat,
  RefreshReply,
  RefreshResult,
  Registration,
  SessionEnding,
  SessionView,
  StatusResult,
  Tick,
  UserView,
} from "../../../services/presence/store/store.ts";
import type { Machine } from "../../time/machine.ts";
import { type ServerConnection, silenceMs, unavailable } from "../server-connection.ts";
import { extend, extendLeased, present, presentUnder } from "./deadline-scripts.ts";
import { readLog } from "./publishing-scripts.ts";
import { NoClock, type ServerShard, TooLate } from "./server-shard.ts";
import { closeSessions, heartbeat, openLease, register, unregister } from "./session-scripts.ts";
import type { SimulatedRedis } from "./simulated-redis.ts";
import { clearStatus, setStatus } from "./status-scripts.ts";
import type { TickReply } from "./tick-script.ts";
import { sessionsIn, viewOf } from "./views.ts";

const attemptsMax = 3;
/** No user has this id: its sessions are the leases. */
const nobody = "";

/** What the shards of a link share. */
interface LinkParts {
  readonly machine: Machine;
  readonly redis: SimulatedRedis;
  readonly rules: Rules;
  readonly connection: ServerConnection;
  readonly pending: PendingBound;
  readonly keptBound: KeptBound;
  readonly keptCounts: KeptCounts;
}

/** A shard as a node knows it, by its link, and all that the node does with it: as RedisShard does. */
export class LinkedShard {
  readonly #number: number;
  readonly #parts: LinkParts;
  readonly #server: ServerShard;
  readonly #clock: ReckonedClock;
  readonly #time = new StoreTime();
  readonly #kept: KeptHeartbeats;
  readonly #refreshes: RefreshQueue;
  /** By lease, those with something to do. */
  readonly #verifications = new Map<string, RefreshQueue>();
  #hiddenLeases: ReadonlySet<string> = new Set();
  #incarnation = "";
  /** By the last tick, of that incarnation; and the highest seen since, of whichever. */
  #tickedVersion = 0;
  #lastVersion = 0;
  #isProven = false;
  #fresh: string;
  begin = 0;
  recoveringMs = 0;
  dataSince = 0;

  constructor(number: number, parts: LinkParts) {
    const { redis, rules, keptBound, keptCounts } = parts;
    this.#number = number;
    this.#parts = parts;
    this.#server = redis.shard(number);
    this.#clock = new ReckonedClock(tickCapMs(rules.ttlMs));
    this.#kept = new KeptHeartbeats(keptBound, keptCounts);
    this.#refreshes = this.#queue();
    this.#fresh = this.#randomId();
  }

  /** All that its node does first on a new connection. */
  async prepare(): Promise<void> {
    this.interrupted();
    await this.#tick(0, true);
  }

  /** The connection is gone: what the node knew of the clock is worth less. */
  interrupted(): void {
    this.#clock.interrupted();
    this.#isProven = false;
  }

  async tick(limit: number): Promise<Tick> {
    const tick = await this.#tick(limit);
    void this.#decideKept();
    return tick;
  }

  async register(registration: Registration) {
    const result = await this.#change((shard, until) => register(shard, registration, until));
    if ("version" in result) this.saw(result.version);
    return result;
  }

  unregister(ending: SessionEnding) {
    return this.#change((shard, until) => unregister(shard, ending, until));
  }

  closeSessions(closing: Closing) {
    return this.#change((shard, until) => closeSessions(shard, closing, until));
  }

  setStatus(userId: string, claim: NewClaim): Promise<StatusResult> {
    return this.#claim((shard, until) => setStatus(shard, userId, claim, until));
  }

  clearStatus(userId: string, claimId: string, setAtMs: number | undefined): Promise<StatusResult> {
    return this.#claim((shard, until) => clearStatus(shard, userId, { claimId, setAtMs }, until));
  }

  setActivity(session: SessionRef, activity: Activity) {
    return this.#change((shard, until) => heartbeat(shard, session, until, activity));
  }

  async openLease(leaseId: string, instanceId: string): Promise<Lease["state"]> {
    const isOpen = await this.#change((shard, until) => openLease(shard, leaseId, instanceId, until));
    return isOpen ? "open" : "closed";
  }

  /** @returns undefined: there is none */
  async keepLease(leaseId: string): Promise<Lease["state"] | undefined> {
    const heartbeat = { userId: nobody, deviceId: "", sessionId: leaseId };
    const states = { refreshed: "open", missing: undefined, superseded: "closed", closed: "closed" } as const;
    const result = await new Promise<RefreshResult>((resolve) => this.refresh(heartbeat, resolve, 0));
    if (result.kind === "failed") throw result.error;
    return states[result.kind];
  }

  closeLease(leaseId: string, reason: DisconnectReason): Promise<void> {
    return this.#withClock((shard) => shard.leases.close(leaseId, reason, shard.moment().clockMs));
  }

  refresh(session: Heartbeat, reply: RefreshReply, tag: number): void {
    const { userId, sessionId, leaseId = "" } = session;
    const { connection, machine } = this.#parts;
    const member = sessionId === "" ? undefined : sessionMember(userId, sessionId);
    if (connection.isReady) {
      const queue = leaseId === "" ? this.#refreshes : this.#verificationsOf(leaseId);
      queue.add(session, member, reply, tag);
      return;
    }
    if (leaseId === "") this.#keep(session, member, machine.monotonicMs());
    reply({ kind: "failed", error: unavailable() }, tag);
  }

  async sessionsOf(userId: string): Promise<SessionView[]> {
    const record = await this.call(({ data }) => data.records.get(userId));
    return record === undefined ? [] : sessionsIn(userId, record);
  }

  async users(userIds: readonly string[]): Promise<UserView[]> {
    if (!this.#isProven) await this.#tick(0);
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const [knownVersion, knownIncarnation] = [this.#lastVersion, this.#incarnation];
      const { records, incarnation } = await this.call(({ data }) => ({
        records: userIds.map((userId) => data.records.get(userId)),
        incarnation: data.origin?.incarnation,
      }));
      if (incarnation === knownIncarnation || records.every((record) => record?.online)) {
        const about = { shard: this.#number, knownVersion, hiddenLeases: this.#hiddenLeases };
        return userIds.map((userId, index) => viewOf(userId, records[index], about));
      }
      await this.#tick(0);
    }
    throw new PresenceError("UNAVAILABLE", "the shard began anew while it was read");
  }

  async online(): Promise<UserView[]> {
    const views = await this.users(await this.call(({ data }) => [...data.records.keys()]));
    return views.filter(({ online }) => online);
  }

  async readLog(after: number, limit: number) {
    const page = await this.call((shard) => readLog(shard, after, limit));
    this.saw(page.entries.at(-1)?.version ?? 0);
    return page;
  }

  /** The node hears of an entry. */
  saw(version: number): void {
    this.#lastVersion = Math.max(this.#lastVersion, version);
  }

  call<Result>(operation: (shard: ServerShard) => Result): Promise<Result> {
    return this.#parts.connection.call(() => operation(this.#server));
  }

  async #tick(limit: number, isFirst = false): Promise<Tick> {
    const { redis, machine, connection } = this.#parts;
    const sentMs = machine.monotonicMs();
    const load = this.#kept.load(sentMs);
    const args = {
      limit,
      reckonedMs: this.#clock.highestMs,
      reckonedUs: this.#time.orderUs(sentMs),
      witness: { incarnation: this.#incarnation, tickedVersion: this.#tickedVersion, version: this.#lastVersion },
      fresh: this.#fresh,
      advance: load.advance,
      kept: load.heartbeats,
    };
    let reply: TickReply;
    try {
      reply = await connection.call(() => redis.tick(this.#server, args), isFirst);
    } catch (error) {
      this.#kept.tickFailed();
      throw error;
    }
    const { tick, missing, isAdvanced, incarnation, dataSince, hidden, begun } = reply;
    const answeredMs = machine.monotonicMs();
    this.#kept.ticked(load, missing, isAdvanced, answeredMs);
    this.#clock.ticked(tick.clockMs, sentMs);
    this.#time.ticked(reply, sentMs, answeredMs);
    this.#incarnation = incarnation;
    this.#tickedVersion = tick.lastVersion;
    this.recoveringMs = tick.recoveringMs;
    this.dataSince = dataSince;
    this.begin = tick.begin;
    this.#hiddenLeases = new Set(hidden);
    this.#isProven = true;
    if (begun !== undefined) this.#fresh = this.#randomId();
    this.saw(tick.lastVersion);
    return tick;
  }

  async #clockMs(): Promise<number> {
    return this.#clock.readMs(this.#parts.machine.monotonicMs()) ?? (await this.#tick(0)).clockMs;
  }

  #queue(): RefreshQueue {
    const { machine, rules, pending } = this.#parts;
    return new RefreshQueue(
      {
        extend: async (members) => {
          const clockMs = await this.#clockMs();
          const ttlMs = (member: string) => (member.startsWith(leaseMember("")) ? rules.leaseTtlMs : rules.ttlMs);
          const extensions = members.map((member) => ({ member, atMs: clockMs + ttlMs(member) }));
          return await this.call((shard) => extend(shard, extensions));
        },
        present: (members) => this.call((shard) => present(shard, members)),
        decide: (session) => this.#decide(session),
        nowMs: () => machine.monotonicMs(),
        keep: (session, member, atMs) => this.#keep(session, member, atMs),
      },
      pending,
    );
  }

  #verificationsOf(leaseId: string): RefreshQueue {
    const queue = this.#verifications.get(leaseId);
    if (queue !== undefined) return queue;
    const { machine, rules, pending } = this.#parts;
    const isOpen = () => this.call(({ leases }) => leases.isOpen(leaseId));
    const created = new RefreshQueue(
      {
        extend: async (members) => {
          const atMs = (await this.#clockMs()) + rules.leasedTtlMs;
          const extensions = members.map((member) => ({ member, atMs }));
          const extending = this.call((shard) => extendLeased(shard, leaseId, extensions));
          const [isThere, extended] = await Promise.all([isOpen(), extending]);
          return isThere ? extended : 0;
        },
        present: async (members) => {
          const look = this.call((shard) => presentUnder(shard, leaseId, members));
          const [isThere, there] = await Promise.all([isOpen(), look]);
          return there.map((is) => isThere && is);
        },
        decide: (session) => this.#decide(session),
        nowMs: () => machine.monotonicMs(),
        keep() {},
        idle: () => this.#verifications.delete(leaseId),
      },
      pending,
    );
    this.#verifications.set(leaseId, created);
    return created;
  }

  async #decide(session: Heartbeat): Promise<RefreshResult> {
    const { userId, sessionId } = session;
    if (userId !== nobody) return this.#change((shard, until) => heartbeat(shard, session, until));
    const state = await this.call(({ leases }) => leases.named(sessionId).state);
    return { kind: state === "closed" ? "superseded" : "missing" };
  }

  #keep(session: Heartbeat, member: string | undefined, atMs: number): void {
    this.#kept.keep(session, member, { reckonedMs: this.#clock.boundMs(atMs), atMs });
  }

  async #decideKept(): Promise<void> {
    const decide = async (heartbeat: UndecidedHeartbeat) => {
      await this.#decide(heartbeat.session);
      this.#kept.decided(heartbeat);
    };
    const undecided = this.#kept.undecided(100);
    if (undecided.length > 0) await Promise.allSettled(undecided.map(decide));
  }

  async #claim(run: (shard: ServerShard, until: TwoClocks) => StatusResult): Promise<StatusResult> {
    const result = await this.#change(run);
    if (result.kind === "done") this.saw(result.version);
    return result;
  }

  /** As ShardChanges does: a tick first, and again where the clock is missing, or was stepped. */
  async #change<Result>(run: (shard: ServerShard, until: TwoClocks) => Result): Promise<Result> {
    const { machine } = this.#parts;
    const askedMs = machine.monotonicMs();
    const attempt = () => {
      const asked = { nowUs: this.#time.readUs(askedMs), clockMs: this.#clock.boundMs(askedMs) ?? 0 };
      const until = countsUntil(asked, silenceMs);
      return this.call((shard) => run(shard, until));
    };
    if (!this.#isProven) await this.#tick(0);
    try {
      return await attempt();
    } catch (error) {
      const isInTime = error instanceof TooLate && machine.monotonicMs() - askedMs < silenceMs;
      if (!isInTime && !(error instanceof NoClock)) throw late(error);
      await this.#tick(0);
      return await attempt().catch((again) => {
        throw late(again);
      });
    }
  }

  /** A tick comes first, and again where the clock is missing. */
  async #withClock<Result>(run: (shard: ServerShard) => Result): Promise<Result> {
    if (!this.#isProven) await this.#tick(0);
    try {
      return await this.call(run);
    } catch (error) {
      if (!(error instanceof NoClock)) throw error;
      await this.#tick(0);
      return await this.call(run);
    }
  }

  #randomId(): string {
    return Math.floor(this.#parts.machine.random() * 2 ** 52).toString(36);
  }
}

/** What a caller is told of an error. */
function late(error: unknown): unknown {
  return error instanceof TooLate ? unavailable("it was carried out too late") : error;
}
