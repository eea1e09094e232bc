import type { LogEntry } from "../../../services/presence/domain/log-entry.ts";
import { type BeginReason, beginLeadUs, recoveringUntilMs } from "../../../services/presence/domain/recovery.ts";
import type { Rules } from "../../../services/presence/domain/rules.ts";
import type { Machine } from "../../time/machine.ts";
import { ServerShard } from "./server-shard.ts";
import { copyOf, emptyShard, type ShardData } from "./shard-data.ts";
import { type TickArgs, type TickReply, tick } from "./tick-script.ts";

/** What a server holds, as of some moment. */
interface Snapshot {
  readonly runId: string;
  readonly shards: readonly ShardData[];
}

/**
 * A Redis that holds presence's shards and may lose them. Memory, one thread, and the wall clock of its machine. What its
 * scripts do, on the pure domain, the files beside this one say: each function that takes a ServerShard is one script.
 */
export class SimulatedRedis {
  readonly machine: Machine;
  readonly #rules: Rules;
  readonly #nodes = new Map<string, number>();
  readonly #shards: readonly ServerShard[];
  #runId: string;
  #replicationId: string;
  /** Hears of every entry, at the moment when it is written. */
  onEntry: (entry: LogEntry) => void = () => {};
  /** Hears that all shards have to begin anew, or may have to; and that one does, before it writes so. */
  onLoss: (mustBegin: boolean) => void = () => {};
  onBegin: (shard: number, reason: BeginReason) => void = () => {};
  /** Hears of every tick, when it is done. */
  onTick: (shard: number) => void = () => {};

  constructor(machine: Machine, shardCount: number, rules: Rules) {
    this.machine = machine;
    this.#rules = rules;
    const onEntry = (entry: LogEntry) => this.onEntry(entry);
    this.#shards = Array.from({ length: shardCount }, (_, number) => {
      return new ServerShard({ number, rules, machine, onEntry });
    });
    this.#runId = this.#randomId();
    this.#replicationId = this.#randomId();
  }

  get shardCount(): number {
    return this.#shards.length;
  }

  shard(number: number): ServerShard {
    return this.#shards[number] as ServerShard;
  }

  /** What a replica, or a file, has. */
  snapshot(): Snapshot {
    return { runId: this.#runId, shards: this.#shards.map(({ data }) => copyOf(data)) };
  }

  /** FLUSHALL. */
  flush(): void {
    this.#hold(undefined);
    this.onLoss(true);
  }

  /** Another process answers, with these data: a restart, or a replica that was promoted. */
  become(snapshot: Snapshot | undefined): void {
    this.#hold(snapshot);
    this.#runId = this.#randomId();
    this.#nodes.clear();
    this.onLoss(true);
  }

  /** The process that had these data answers again, and has not changed since: a fail-over back to it. */
  resume(snapshot: Snapshot): void {
    this.#hold(snapshot);
    this.#runId = snapshot.runId;
    this.onLoss(false);
  }

  /** Whether a begin on these data, with a clock that much behind, is above all that was written since by its lead alone. */
  isWithinLead(snapshot: Snapshot, behindMs: number): boolean {
    const nowUs = this.machine.nowUs() - behindMs * 1_000;
    return this.#shards.every(({ data, number }) => {
      return data.lastVersion < Math.max(nowUs, snapshot.shards[number]?.lastVersion ?? 0) + beginLeadUs;
    });
  }

  /** A shard's clock as a tick left it, ms. */
  clockMs(shard: number): number {
    return this.shard(shard).data.clock?.clockMs ?? 0;
  }

  /** Shard clock until which it recovers, ms. */
  recoveringUntilMs(shard: number): number {
    const { beginClockMs } = this.shard(shard).data;
    return recoveringUntilMs({ clockMs: this.clockMs(shard), beginClockMs }, this.#rules);
  }

  tick(shard: ServerShard, args: TickArgs): TickReply {
    const server = { runId: this.#runId, replicationId: this.#replicationId };
    const reply = tick(shard, server, args, this.onBegin);
    this.onTick(shard.number);
    return reply;
  }

  announceNode(nodeId: string, ttlMs: number): number {
    const nowMs = this.machine.monotonicMs();
    this.#nodes.set(nodeId, nowMs + ttlMs);
    for (const [id, untilMs] of this.#nodes) if (untilMs <= nowMs) this.#nodes.delete(id);
    return this.#nodes.size;
  }

  withdrawNode(nodeId: string): void {
    this.#nodes.delete(nodeId);
  }

  /** Nothing, unless there is a snapshot. */
  #hold(snapshot: Snapshot | undefined): void {
    for (const shard of this.#shards) {
      const data = snapshot?.shards[shard.number];
      shard.data = data === undefined ? emptyShard() : copyOf(data);
    }
  }

  #randomId(): string {
    return Math.floor(this.machine.random() * 2 ** 52).toString(36);
  }
}
