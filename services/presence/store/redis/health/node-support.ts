import type { RedisLink } from "@realchat/presence-redis";
import type { Feature, Leases } from "../publishing/leases.ts";
import { leasedSchemaVersion, statusSchemaVersion } from "./store-mark.ts";

/** What nodes of earlier releases do not know, and would drop, or could not read. */
const features = {
  leases: { schema: leasedSchemaVersion, what: "leases" },
  statuses: { schema: statusSchemaVersion, what: "status" },
} as const satisfies Record<Feature, object>;

interface SupportParts {
  /** To the server that has what belongs to no shard. */
  readonly link: RedisLink;
  readonly leases: Leases;
  readonly storeKey: string;
  /** Grows whenever a shard's data may have been lost, and the store's schema with them. */
  readonly generation: () => number;
}

/**
 * Whether a feature may be used: not until all nodes that live know it. With the first use the store's schema grows, and nodes
 * of before refuse it for as long as its data last.
 */
export class NodeSupport {
  readonly #feature: Feature;
  readonly #parts: SupportParts;
  /** Of the data whose schema says so already. */
  #sureOf = -1;

  constructor(feature: Feature, parts: SupportParts) {
    this.#feature = feature;
    this.#parts = parts;
  }

  /** @returns what is missing for it; undefined: nothing, and the store says so from now on */
  async missing(): Promise<string | undefined> {
    const { link, leases, storeKey } = this.#parts;
    const generation = this.#parts.generation();
    if (this.#sureOf === generation) return undefined;
    const { schema, what } = features[this.#feature];
    const found = await link.send(["HGET", storeKey, "schema"]);
    if (Number(found) < schema) {
      const without = await leases.nodesWithout(this.#feature);
      if (without > 0) return `${without} presence nodes are of a release that knows no ${what}: update them first`;
      await link.send(["HSET", storeKey, "schema", String(schema)]);
    }
    this.#sureOf = generation;
    return undefined;
  }
}
