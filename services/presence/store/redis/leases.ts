import type { RedisConnection } from "@realchat/presence-redis";
import type { PublisherLease } from "../store.ts";
import { nodesKey } from "./keys.ts";
import { advance } from "./lua/advance.ts";
import { announce } from "./lua/announce.ts";
import { claim } from "./lua/claim.ts";
import { release } from "./lua/release.ts";
import type { Scripts } from "./scripts.ts";
import type { Shard } from "./shard.ts";

/** What was published stays in the log this long for those who watch, ms. */
const watchersMs = 60_000;

/** Which nodes live, and which of them publishes a shard; see PublisherLeases. */
export class Leases {
  readonly #connection: RedisConnection;
  readonly #scripts: Scripts;

  constructor(connection: RedisConnection, scripts: Scripts) {
    this.#connection = connection;
    this.#scripts = scripts;
  }

  announceNode(nodeId: string, ttlMs: number): Promise<number> {
    return this.#scripts.run(announce, { nodes: nodesKey }, { node: nodeId, ttlMs });
  }

  async withdrawNode(nodeId: string): Promise<void> {
    await this.#connection.send(["ZREM", nodesKey, nodeId]);
  }

  claim({ keys }: Shard, nodeId: string, leaseMs: number): Promise<PublisherLease | undefined> {
    return this.#scripts.run(claim, { publisher: keys.publisher, meta: keys.meta }, { node: nodeId, leaseMs });
  }

  async release({ keys }: Shard, nodeId: string): Promise<void> {
    await this.#scripts.run(release, { publisher: keys.publisher }, { node: nodeId });
  }

  async advance({ keys }: Shard, fence: number, cursors: Readonly<Record<string, number>>): Promise<boolean> {
    const lines = Object.entries(cursors).map(([name, version]) => `${name}\t${version}`);
    const args = { fence, keepMs: watchersMs, cursors: lines.join("\n") };
    return (await this.#scripts.run(advance, { meta: keys.meta, log: keys.log }, args)) === 1;
  }
}
