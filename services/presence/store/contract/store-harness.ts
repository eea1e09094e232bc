import { defaultRules, type Rules } from "../../domain/rules.ts";
import type { PresenceStore } from "../store.ts";

/** Opens an empty store; only the test uses and ticks it. */
export type OpenStore = (options: StoreOptions) => Promise<StoreHarness>;

export interface StoreOptions {
  readonly rules: Rules;
  readonly retentionMs: number;
  /** A store may keep some more, as Redis does when it trims whole nodes. */
  readonly logMaxEntries: number;
}

export const contractOptions: StoreOptions = { rules: defaultRules, retentionMs: 3_600_000, logMaxEntries: 10_000 };

/** A store under test, and its time. Time that passes by itself must stay well below a second a test. */
export interface StoreHarness {
  readonly store: PresenceStore;
  /** Time of day, and on the clock of all shards, which tick all along and take down what is due, until nothing is. */
  elapse(ms: number): Promise<void>;
  /** Time of day that the shards' clocks did not hear of, since nobody ticked: only the next tick sees it, up to its cap. */
  freeze(ms: number): Promise<void>;
  /** Time that passes while the wall clock is stepped back by as much; no shard's clock hears of it. */
  stepBack(ms: number): Promise<void>;
  /** Time that leases run by, without a tick; really waited for where it cannot be faked. */
  wait(ms: number): Promise<void>;
  /** Lets the retention of all who are offline now run out. */
  outliveRetention(): Promise<void>;
  /** The store's wall clock, ms since 1970. */
  wallMs(): Promise<number>;
  /** By how much times that the store holds were set back, since that clock cannot be moved on, ms. */
  readonly agedMs: number;
  close(): Promise<void>;
}

/** Opens an empty store behind a network, which can lose what it holds; its shards look as if they had begun long ago. */
export type OpenLossyStore = (options: StoreOptions) => Promise<LossyHarness>;

export interface LossyHarness extends StoreHarness {
  /** All data are gone at once. */
  flush(): Promise<void>;
  /** Keeps a copy of all data, as a replica or a snapshot file does. */
  copy(): Promise<void>;
  /** All data are those of the copy: of a replica that is promoted, or of the same server, which was one in between. */
  setBack(by: "another server" | "the same server"): Promise<void>;
  /** Another server has all data: nothing is lost. */
  failOver(): Promise<void>;
  /** Makes calls of registrations, ends and OpenLease that are carried out later than they may count. */
  late<Answer>(call: () => Promise<Answer>): Promise<Answer>;
}
