import { isTooLate, type TwoClocks } from "../../../services/presence/domain/late-change.ts";
import type { LeaseNotice } from "../../../services/presence/domain/lease-notice.ts";
import type { LogEntry } from "../../../services/presence/domain/log-entry.ts";
import type { Moment } from "../../../services/presence/domain/moment.ts";
import type { Rules } from "../../../services/presence/domain/rules.ts";
import { readShardClock, tickCapMs } from "../../../services/presence/domain/shard-clock.ts";
import { nextVersion } from "../../../services/presence/domain/version.ts";
import { BlockTable } from "../../../services/presence/store/memory/shard/block-table.ts";
import { LeaseTable } from "../../../services/presence/store/memory/shard/lease-table.ts";
import type { LogListener } from "../../../services/presence/store/store.ts";
import type { Machine } from "../../time/machine.ts";
import { emptyShard, type ShardData } from "./shard-data.ts";

const logMaxEntries = 10_000;

/** A shard's clock was never started, or is lost: a tick has to come first. */
export class NoClock extends Error {
  override readonly name = "NoClock";
}

/** A change was carried out too late, and changed nothing. */
export class TooLate extends Error {
  override readonly name = "TooLate";
}

/** A shard on its server: its data, which may become others, and what all scripts of the shard need. */
export class ServerShard {
  readonly number: number;
  readonly rules: Rules;
  readonly capMs: number;
  readonly machine: Machine;
  data: ShardData = emptyShard();
  readonly #listeners = new Set<LogListener>();
  readonly #onEntry: (entry: LogEntry) => void;

  /** @param options.onEntry hears of every entry, at the moment when it is written */
  constructor(options: {
    readonly number: number;
    readonly rules: Rules;
    readonly machine: Machine;
    readonly onEntry: (entry: LogEntry) => void;
  }) {
    const { number, rules, machine, onEntry } = options;
    this.number = number;
    this.rules = rules;
    this.capMs = tickCapMs(rules.ttlMs);
    this.machine = machine;
    this.#onEntry = onEntry;
  }

  /** Wall clock, integer ms. */
  get nowMs(): number {
    return Math.floor(this.machine.nowUs() / 1_000);
  }

  get leases(): LeaseTable {
    return new LeaseTable(this.rules, this.data.leases);
  }

  get blocks(): BlockTable {
    return new BlockTable(this.data.blocks);
  }

  /** @throws NoClock */
  moment(): Moment {
    const { clock, orders, begin: beginUs, beginClockMs } = this.data;
    if (clock === undefined) throw new NoClock();
    const clockMs = readShardClock(clock, this.nowMs, this.capMs);
    return { nowUs: this.machine.nowUs(), clockMs, orders, beginUs, beginClockMs };
  }

  /** Of a change that counts until then. @throws TooLate, NoClock */
  momentInTime(until: TwoClocks): Moment {
    const moment = this.moment();
    if (isTooLate(until, moment)) throw new TooLate();
    return moment;
  }

  get nextVersion(): number {
    return nextVersion(this.data.lastVersion, this.machine.nowUs());
  }

  /** @returns the version that the entry has */
  append(entryOf: (version: number) => LogEntry, leastVersion = 0): number {
    const version = Math.max(this.nextVersion, leastVersion);
    this.write(entryOf(version));
    return version;
  }

  write(entry: LogEntry): void {
    const { data } = this;
    data.log.push(entry);
    data.lastVersion = entry.version;
    if (data.log.length > logMaxEntries) data.goneVersion = data.log.shift()?.version ?? data.goneVersion;
    this.#onEntry(entry);
    for (const listener of this.#listeners) listener.entry(entry);
  }

  devicesChanged(userId: string): void {
    for (const listener of this.#listeners) listener.devicesChanged?.(userId);
  }

  leaseNotice(notice: LeaseNotice): void {
    for (const listener of this.#listeners) listener.leaseNotice?.(notice);
  }

  /** Begins with `interrupted`: what was written before is not told. */
  follow(listener: LogListener): () => void {
    listener.interrupted();
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
