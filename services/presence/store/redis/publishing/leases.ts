import { list, type RedisLink, text } from "@realchat/presence-redis";
import type { PublisherLease } from "../../store.ts";
import type { Troubles } from "../health/troubles.ts";
import { advance } from "../lua/lease/advance.ts";
import { announceNode } from "../lua/lease/announce-node.ts";
import { claim } from "../lua/lease/claim.ts";
import { release } from "../lua/lease/release.ts";
import type { Scripts } from "../scripts.ts";
import type { ShardState } from "../shard/shard-state.ts";

/** Published entries stay in the log this long for watchers, ms. */
const watchersMs = 60_000;

/** Behind the id of a node: what it knows that nodes of before do not. Those that know leases alone look for that at the end. */
const known = "\0statuses\0leases";

/** What nodes of earlier releases do not know. */
export type Feature = "leases" | "statuses";

/** Which nodes live, and which of them publishes a shard; see PublisherLeases. */
export class Leases {
  /** To the server that has the list of nodes. */
  readonly #nodes: RedisLink;
  readonly #nodesKey: string;
  readonly #scripts: Scripts;
  readonly #troubles: Troubles;

  constructor(nodes: RedisLink, nodesKey: string, scripts: Scripts, troubles: Troubles) {
    this.#nodes = nodes;
    this.#nodesKey = nodesKey;
    this.#scripts = scripts;
    this.#troubles = troubles;
  }

  announceNode(nodeId: string, ttlMs: number): Promise<number> {
    return this.#tell(
      this.#nodesKey,
      this.#scripts.run(this.#nodes, announceNode, { nodes: this.#nodesKey }, { node: nodeId + known, ttlMs }),
    );
  }

  async withdrawNode(nodeId: string): Promise<void> {
    await this.#nodes.send(["ZREM", this.#nodesKey, nodeId + known]);
  }

  /** How many nodes that live do not know it. */
  async nodesWithout(feature: Feature): Promise<number> {
    const nodes = list(await this.#nodes.send(["ZRANGE", this.#nodesKey, "0", "-1"]));
    return nodes.filter((node) => !text(node).split("\0").slice(1).includes(feature)).length;
  }

  claim({ keys, link, number }: ShardState, nodeId: string, leaseMs: number): Promise<PublisherLease | undefined> {
    const { publisher, meta } = keys;
    const claimed = this.#scripts.run(link, claim, { publisher, meta }, { node: nodeId, leaseMs });
    return this.#tell(`shard ${number}: ${publisher}`, claimed);
  }

  async release({ keys, link }: ShardState, nodeId: string): Promise<void> {
    await this.#scripts.run(link, release, { publisher: keys.publisher }, { node: nodeId });
  }

  async advance(
    { keys, link }: ShardState,
    fence: number,
    cursors: Readonly<Record<string, number>>,
  ): Promise<boolean> {
    const lines = Object.entries(cursors).map(([name, version]) => `${name}\t${version}`);
    const args = { fence, keepMs: watchersMs, cursors: lines.join("\n") };
    return (await this.#scripts.run(link, advance, { meta: keys.meta, log: keys.log }, args)) === 1;
  }

  async #tell<T>(key: string, answer: Promise<T>): Promise<T> {
    try {
      const result = await answer;
      this.#troubles.worked(key);
      return result;
    } catch (error) {
      this.#troubles.failed(key, error);
      throw error;
    }
  }
}
