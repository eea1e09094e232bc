import type { RedisLink } from "@realchat/presence-redis";
import type { Leases } from "../publishing/leases.ts";
import { leasedSchemaVersion } from "./store-mark.ts";

/**
 * Whether gateways may have leases. Nodes of before would drop them, so nobody has one until all nodes that live know them;
 * with the first one the store's schema grows, and nodes of before refuse it for good.
 */
export class LeaseSupport {
  /** To the server that has what belongs to no shard. */
  readonly #link: RedisLink;
  readonly #leases: Leases;
  readonly #storeKey: string;
  #isSure = false;

  constructor(link: RedisLink, leases: Leases, storeKey: string) {
    this.#link = link;
    this.#storeKey = storeKey;
    this.#leases = leases;
  }

  /** @returns what is missing for a lease; undefined: nothing, and the store says so from now on */
  async missing(): Promise<string | undefined> {
    if (this.#isSure) return undefined;
    const schema = await this.#link.send(["HGET", this.#storeKey, "schema"]);
    if (Number(schema) !== leasedSchemaVersion) {
      const without = await this.#leases.nodesWithoutLeases();
      if (without > 0) return `${without} presence nodes are of a release that knows no leases: update them first`;
      await this.#link.send(["HSET", this.#storeKey, "schema", String(leasedSchemaVersion)]);
    }
    this.#isSure = true;
    return undefined;
  }
}
