import { PresenceError } from "../../services/presence/domain/presence-error.ts";
import type { SessionRef } from "../../services/presence/domain/session.ts";
import type {
  LogListener,
  PresenceStore,
  RefreshReply,
  RefreshResult,
  Registration,
  RestateDuty,
  SessionEnding,
  StoreHealth,
  StoreMetrics,
  UserView,
} from "../../services/presence/store/store.ts";
import type { Path } from "../network/path.ts";
import type { Machine } from "../time/machine.ts";

/** Silence that is taken for a dead connection, and the wait between attempts to connect, ms: as packages/redis does. */
const silenceMs = 2_000;
const reconnectMinMs = 50;
const reconnectMaxMs = 1_000;

interface StoreLinkOptions {
  /** The node's, and the server's. */
  readonly machine: Machine;
  readonly server: Machine;
  readonly path: Path;
  readonly store: PresenceStore;
}

/**
 * A node's connection to the store that all nodes share: each operation goes there and back, or fails as UNAVAILABLE
 * when the connection breaks, whether it was carried out or not. It connects again by itself, and sends nothing twice.
 */
export class StoreLink implements PresenceStore {
  readonly kind;
  readonly shardCount;
  readonly #options: StoreLinkOptions;
  readonly #waiting = new Set<(error: Error) => void>();
  readonly #listeners = new Map<number, Set<LogListener>>();
  #unfollow: (() => void)[] = [];
  /** Counts connections: what an older one carries is of no interest. */
  #connection = 0;
  #isConnected = false;
  #failedAttempts = 0;
  #heardMs = 0;
  /** The chance that an operation breaks the connection: a flapping link. */
  breakChance = 0;
  lost = 0;

  constructor(options: StoreLinkOptions) {
    this.#options = options;
    this.kind = options.store.kind;
    this.shardCount = options.store.shardCount;
    options.machine.every(silenceMs / 4, () => this.#watch());
  }

  async open(): Promise<void> {
    this.#connect();
  }

  async close(): Promise<void> {
    this.break();
  }

  health(): StoreHealth {
    const isReady = this.#isConnected;
    return {
      ready: isReady,
      serves: isReady,
      detail: isReady ? "connected" : "no connection",
      full: undefined,
      eviction: undefined,
    };
  }

  metrics(): StoreMetrics {
    return this.#options.store.metrics();
  }

  /** The connection breaks; what is on its way may still arrive. */
  break(): void {
    this.#isConnected = false;
    this.#connection++;
    this.lost++;
    for (const unfollow of this.#unfollow) unfollow();
    this.#unfollow = [];
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const fail of waiting) fail(unavailable());
    this.#connectLater();
  }

  /** The node is gone, and its connection with it. */
  abandon(): void {
    this.#connection++;
    for (const unfollow of this.#unfollow) unfollow();
    this.#unfollow = [];
  }

  register(registration: Registration) {
    return this.#call((store) => store.register(registration));
  }

  unregister(ending: SessionEnding) {
    return this.#call((store) => store.unregister(ending));
  }

  refresh(session: SessionRef, reply: RefreshReply, tag: number): void {
    const ask = (store: PresenceStore) =>
      new Promise<RefreshResult>((resolve) => store.refresh(session, (result) => resolve(result), 0));
    this.#call(ask).then(
      (result) => reply(result, tag),
      (error) => reply({ kind: "failed", error }, tag),
    );
  }

  users(userIds: readonly string[]) {
    return this.#call((store) => store.users(userIds));
  }

  isRecovering(shard: number): boolean {
    return this.#options.store.isRecovering(shard);
  }

  tick(shard: number, limit: number) {
    return this.#call((store) => store.tick(shard, limit));
  }

  mend(cursor: string, shards: ReadonlySet<number>) {
    return this.#call((store) => store.mend(cursor, shards));
  }

  restate(cursor: string, duties: ReadonlyMap<number, RestateDuty>) {
    return this.#call((store) => store.restate(cursor, duties));
  }

  completeRestating(shard: number, duty: RestateDuty) {
    return this.#call((store) => store.completeRestating(shard, duty));
  }

  beginRestating(shard: number, fence: number) {
    return this.#call((store) => store.beginRestating(shard, fence));
  }

  lastVersion(shard: number) {
    return this.#call((store) => store.lastVersion(shard));
  }

  readLog(shard: number, after: number, limit: number) {
    return this.#call((store) => store.readLog(shard, after, limit));
  }

  follow(shard: number, listener: LogListener): () => void {
    const listeners = this.#listeners.get(shard) ?? new Set();
    this.#listeners.set(shard, listeners.add(listener));
    if (this.#isConnected) this.#listen(shard, listener);
    return () => listeners.delete(listener);
  }

  async *scanOnline(shard: number): AsyncIterable<UserView[]> {
    const pages = await this.#call(async (store) => {
      const all: UserView[][] = [];
      for await (const page of store.scanOnline(shard)) all.push(page);
      return all;
    });
    yield* pages;
  }

  announceNode(nodeId: string, ttlMs: number) {
    return this.#call((store) => store.announceNode(nodeId, ttlMs));
  }

  withdrawNode(nodeId: string) {
    return this.#call((store) => store.withdrawNode(nodeId));
  }

  claim(shard: number, nodeId: string, leaseMs: number) {
    return this.#call((store) => store.claim(shard, nodeId, leaseMs));
  }

  release(shard: number, nodeId: string) {
    return this.#call((store) => store.release(shard, nodeId));
  }

  advance(shard: number, fence: number, cursors: Readonly<Record<string, number>>) {
    return this.#call((store) => store.advance(shard, fence, cursors));
  }

  #call<Result>(operation: (store: PresenceStore) => Promise<Result>): Promise<Result> {
    if (!this.#isConnected) return Promise.reject(unavailable());
    const { machine, server, path, store } = this.#options;
    const connection = this.#connection;
    return new Promise<Result>((resolve, reject) => {
      this.#waiting.add(reject);
      if (this.#waiting.size === 1) this.#heardMs = machine.monotonicMs();
      const answer = (settle: () => void) =>
        path.send(machine, () => {
          if (connection !== this.#connection) return;
          this.#heardMs = machine.monotonicMs();
          if (this.breakChance > 0 && machine.random() < this.breakChance) return this.break();
          this.#waiting.delete(reject);
          settle();
        });
      path.send(server, () => {
        operation(store).then(
          (result) => answer(() => resolve(result)),
          (error) => answer(() => reject(error)),
        );
      });
      if (this.breakChance > 0 && machine.random() < this.breakChance) this.break();
    });
  }

  #watch(): void {
    const silentMs = this.#options.machine.monotonicMs() - this.#heardMs;
    if (this.#isConnected && this.#waiting.size > 0 && silentMs > silenceMs) this.break();
  }

  #connectLater(): void {
    const { machine } = this.#options;
    const ceilingMs = Math.min(reconnectMaxMs, reconnectMinMs * 2 ** Math.min(this.#failedAttempts, 10));
    machine.after(ceilingMs * (0.5 + machine.random() / 2), () => this.#connect());
  }

  /** An attempt is answered, or given up. */
  #connect(): void {
    if (this.#isConnected) return;
    const { machine, server, path } = this.#options;
    const attempt = ++this.#connection;
    this.#failedAttempts++;
    const giveUp = machine.after(silenceMs, () => {
      if (attempt === this.#connection) this.#connectLater();
    });
    path.send(server, () =>
      path.send(machine, () => {
        if (attempt !== this.#connection) return;
        giveUp();
        this.#isConnected = true;
        this.#failedAttempts = 0;
        this.#heardMs = machine.monotonicMs();
        for (const [shard, listeners] of this.#listeners) for (const one of listeners) this.#listen(shard, one);
      }),
    );
  }

  #listen(shard: number, listener: LogListener): void {
    const { machine, server, path, store } = this.#options;
    const connection = this.#connection;
    const tell = (run: () => void) =>
      path.send(machine, () => {
        if (connection === this.#connection && this.#listeners.get(shard)?.has(listener)) run();
      });
    path.send(server, () => {
      if (connection !== this.#connection) return;
      const unfollow = store.follow(shard, {
        entry: (entry) => tell(() => listener.entry(entry)),
        interrupted: () => tell(() => listener.interrupted()),
        devicesChanged: (userId) => tell(() => listener.devicesChanged?.(userId)),
      });
      this.#unfollow.push(unfollow);
    });
  }
}

function unavailable(): PresenceError {
  return new PresenceError("UNAVAILABLE", "the store cannot be reached");
}
