import type { Closing } from "../../services/presence/domain/block.ts";
import type { SessionRef } from "../../services/presence/domain/session.ts";
import type { DisconnectReason } from "../../services/presence/domain/transition.ts";
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
import { LogFollowers } from "./log-followers.ts";
import { ServerConnection, silenceMs, unavailable } from "./server-connection.ts";

interface MemoryLinkOptions {
  /** The node's, and the server's. */
  readonly machine: Machine;
  readonly server: Machine;
  readonly path: Path;
  readonly store: PresenceStore;
}

/** A node's way to a memory store that all nodes share, which is never lost. */
export class MemoryLink implements PresenceStore {
  readonly kind;
  readonly shardCount;
  readonly connection: ServerConnection;
  readonly #store: PresenceStore;
  readonly #server: Machine;
  readonly #followers: LogFollowers;

  constructor({ machine, server, path, store }: MemoryLinkOptions) {
    this.#store = store;
    this.#server = server;
    this.kind = store.kind;
    this.shardCount = store.shardCount;
    this.connection = new ServerConnection({
      ...{ machine, server, path },
      prepare: async () => {},
      onReady: () => this.#followers.listenAgain(),
    });
    this.#followers = new LogFollowers(this.connection, (shard, listener) => store.follow(shard, listener));
  }

  async open(): Promise<void> {
    this.connection.connect();
  }

  async close(): Promise<void> {
    this.connection.abandon();
  }

  /** The node is gone. */
  abandon(): void {
    this.connection.abandon();
  }

  health(): StoreHealth {
    return this.connection.health;
  }

  metrics(): StoreMetrics {
    return this.#store.metrics();
  }

  register(registration: Registration) {
    return this.#change((store) => store.register(registration));
  }

  unregister(ending: SessionEnding) {
    return this.#change((store) => store.unregister(ending));
  }

  closeSessions(closing: Closing) {
    return this.#change((store) => store.closeSessions(closing));
  }

  statusesMissing() {
    return this.#change((store) => store.statusesMissing());
  }

  setStatus(...claim: Parameters<PresenceStore["setStatus"]>) {
    return this.#change((store) => store.setStatus(...claim));
  }

  clearStatus(...claim: Parameters<PresenceStore["clearStatus"]>) {
    return this.#change((store) => store.clearStatus(...claim));
  }

  setActivity(...activity: Parameters<PresenceStore["setActivity"]>) {
    return this.#change((store) => store.setActivity(...activity));
  }

  claimsOf(userId: string) {
    return this.#change((store) => store.claimsOf(userId));
  }

  refresh(session: SessionRef, reply: RefreshReply, tag: number): void {
    const ask = (store: PresenceStore) =>
      new Promise<RefreshResult>((resolve) => store.refresh(session, (result) => resolve(result), 0));
    this.#change(ask).then(
      (result) => reply(result, tag),
      (error) => reply({ kind: "failed", error }, tag),
    );
  }

  sessionsOf(userId: string) {
    return this.#call((store) => store.sessionsOf(userId));
  }

  sessionsAt(instanceId: string, cursor: string, count: number) {
    return this.#call((store) => store.sessionsAt(instanceId, cursor, count));
  }

  leasesAfter(leaseId: string, limit: number) {
    return this.#call((store) => store.leasesAfter(leaseId, limit));
  }

  openLease(leaseId: string, instanceId: string) {
    return this.#call((store) => store.openLease(leaseId, instanceId));
  }

  keepLease(leaseId: string) {
    return this.#call((store) => store.keepLease(leaseId));
  }

  closeLease(leaseId: string, reason: DisconnectReason) {
    return this.#call((store) => store.closeLease(leaseId, reason));
  }

  users(userIds: readonly string[]) {
    return this.#call((store) => store.users(userIds));
  }

  isRecovering(shard: number): boolean {
    return this.#store.isRecovering(shard);
  }

  dataSince(shard: number): number {
    return this.#store.dataSince(shard);
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
    return this.#followers.add(shard, listener);
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
    return this.connection.call(() => operation(this.#store));
  }

  /** Only here is there a way to the memory store, on which a change may be late: it counts as long as one to Redis does. */
  #change<Result>(operation: (store: PresenceStore) => Promise<Result>): Promise<Result> {
    const askedMs = this.#server.monotonicMs();
    return this.#call((store) => {
      if (this.#server.monotonicMs() - askedMs > silenceMs) throw unavailable("it was carried out too late");
      return operation(store);
    });
  }
}
