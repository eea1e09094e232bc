import { RedisError } from "./redis-error.ts";
import { policyIn } from "./server-check.ts";
import type { RedisServers } from "./topology/redis-servers.ts";

/** What Redis may do to the data by its `maxmemory-policy`. */
export interface Eviction {
  /** One line: the policy, what it costs, what to do. */
  readonly detail: string;
  /** Whether the configuration names the policy. */
  readonly isAllowed: boolean;
}

interface EvictionOptions {
  /** Names of policies that may be. */
  readonly allowed: readonly string[];
  /** What is lost when Redis evicts by such a policy; undefined: nothing of ours. */
  readonly lossBy: (policy: string) => string | undefined;
  /** Hears of a policy that costs something, whenever one is found that was not there before. */
  readonly onFound: (detail: string) => void;
}

/**
 * Looks after `maxmemory-policy`, at each connection and every second: it may be switched while all runs. A server
 * with one that is not allowed is refused at start. Later that is told, and nothing else: refusing what works would turn
 * a loss that may come into an outage that is there.
 */
export class EvictionWatch {
  readonly #options: EvictionOptions;
  /** By the name of the server. */
  readonly #policies = new Map<string, string>();
  #isInUse = false;
  #isLooking = false;

  constructor(options: EvictionOptions) {
    this.#options = options;
  }

  /** Undefined: nothing of ours is evicted. */
  get eviction(): Eviction | undefined {
    for (const policy of this.#policies.values()) {
      const eviction = this.#evictionBy(policy);
      if (eviction !== undefined) return eviction;
    }
    return undefined;
  }

  /** @throws RedisError REFUSED when a server with this policy must not be used to begin with */
  check(server: string, policy: string): void {
    const eviction = this.#isInUse ? undefined : this.#evictionBy(policy);
    if (eviction !== undefined && !eviction.isAllowed) throw new RedisError("REFUSED", `${server} ${eviction.detail}`);
  }

  /** To be called every second. Servers that were accepted are not refused any more. */
  async look({ servers }: RedisServers): Promise<void> {
    const ready = servers.filter(({ link }) => link.isReady);
    if (ready.length === 0 || this.#isLooking) return;
    this.#isInUse = true;
    this.#isLooking = true;
    for (const name of this.#policies.keys())
      if (!servers.some((one) => one.name === name)) this.#policies.delete(name);
    await Promise.allSettled(
      ready.map(async ({ name, link }) => this.#note(name, policyIn(String(await link.send(["INFO", "memory"]))))),
    );
    this.#isLooking = false;
  }

  #note(server: string, policy: string): void {
    const isNew = this.#policies.get(server) !== policy;
    this.#policies.set(server, policy);
    const eviction = isNew ? this.#evictionBy(policy) : undefined;
    if (eviction !== undefined) this.#options.onFound(`Redis ${eviction.detail}`);
  }

  #evictionBy(policy: string): Eviction | undefined {
    const loss = policy === "noeviction" ? undefined : this.#options.lossBy(policy);
    if (loss === undefined) return undefined;
    const isAllowed = this.#options.allowed.includes(policy);
    const advice = isAllowed
      ? "REDIS_ALLOW_EVICTION allows it"
      : `set it to noeviction, or accept that with REDIS_ALLOW_EVICTION=${policy}`;
    return { detail: `evicts when memory runs out (maxmemory-policy ${policy}): ${loss}; ${advice}`, isAllowed };
  }
}
