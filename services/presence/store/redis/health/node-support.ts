import type { RedisLink } from "@realchat/presence-redis";
import type { Feature, Leases } from "../publishing/leases.ts";
import { leasedSchemaVersion, statusSchemaVersion } from "./store-mark.ts";

/** What nodes of earlier releases do not know, and would drop, or could not read. */
const features = {
  leases: { schema: leasedSchemaVersion, what: "leases" },
  statuses: { schema: statusSchemaVersion, what: "status" },
} as const satisfies Record<Feature, object>;

/**
 * Whether a feature may be used: not until all nodes that live know it. With the first use the store's schema grows, and nodes
 * of before refuse it for good.
 */
export class NodeSupport {
  /** To the server that has what belongs to no shard. */
  readonly #link: RedisLink;
  readonly #leases: Leases;
  readonly #storeKey: string;
  readonly #feature: Feature;
  #isSure = false;

  constructor(link: RedisLink, leases: Leases, storeKey: string, feature: Feature) {
    this.#link = link;
    this.#leases = leases;
    this.#storeKey = storeKey;
    this.#feature = feature;
  }

  /** @returns what is missing for it; undefined: nothing, and the store says so from now on */
  async missing(): Promise<string | undefined> {
    if (this.#isSure) return undefined;
    const { schema, what } = features[this.#feature];
    const found = await this.#link.send(["HGET", this.#storeKey, "schema"]);
    if (Number(found) < schema) {
      const without = await this.#leases.nodesWithout(this.#feature);
      if (without > 0) return `${without} presence nodes are of a release that knows no ${what}: update them first`;
      await this.#link.send(["HSET", this.#storeKey, "schema", String(schema)]);
    }
    this.#isSure = true;
    return undefined;
  }
}
