import { type Address, peerAddress, showAddress } from "./address.ts";
import { integer, listOf, oneOf, secret, text, toggle } from "./kinds.ts";
import { certificateFile } from "./pem-file.ts";
import { type RedisUrl, redisUrl } from "./redis-url.ts";
import { live, type Values } from "./setting.ts";

/** Values of `maxmemory-policy` by which Redis drops keys. Source: https://redis.io/docs/latest/develop/reference/eviction/ */
const evictionPolicies = [
  ...["allkeys-lru", "allkeys-lfu", "allkeys-random", "allkeys-lrm"],
  ...["volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl", "volatile-lrm"],
] as const;

/** Where and as whom a service reaches Redis. */
export const redisSettings = {
  REDIS_URL: {
    kind: redisUrl,
    meaning: "redis[s]://[user:password@]host:port[/database]; without Redis, state is in memory",
  },
  REDIS_ADDR: { kind: peerAddress, meaning: "instead of REDIS_URL" },
  REDIS_TLS_CA: {
    kind: live(certificateFile),
    default: { meaning: "Node's list" },
    meaning: "authority that signed the certificates of Redis, and of its Sentinels (PEM)",
  },
  REDIS_USERNAME: { kind: live(text({ maxBytes: 256 })), meaning: "ACL user, unless REDIS_URL has it" },
  REDIS_PASSWORD: { kind: live(secret), meaning: "password, unless REDIS_URL has it" },
  REDIS_DB: {
    kind: integer({ min: 0, max: 1_000_000 }),
    default: { meaning: "REDIS_URL's, else 0" },
    meaning: "database number",
  },
  REDIS_KEY_PREFIX: {
    kind: text({
      maxBytes: 64,
      pattern: /^[\w.:-]+$/,
      right: "give letters, digits, dots, dashes, underscores and colons, such as staging:",
    }),
    meaning: "in front of the names of all keys and channels, so that two deployments share a Redis",
  },
  REDIS_CLUSTER: {
    kind: toggle,
    default: "false",
    meaning: "Redis is a Cluster: REDIS_URL names one of its nodes, or the endpoint of a managed one",
  },
  REDIS_CLUSTER_SEEDS: {
    kind: listOf(peerAddress),
    meaning: "further nodes of the Cluster, such as b:6379,c:6379, to begin with when that one is away",
  },
  REDIS_SENTINELS: {
    kind: listOf(peerAddress),
    meaning: "Sentinels that name the master, such as a:26379,b:26379,c:26379; instead of REDIS_URL",
  },
  REDIS_SENTINEL_MASTER: {
    kind: text({ maxBytes: 128, pattern: /^[\w.-]+$/, right: "give letters, digits, dots, dashes and underscores" }),
    meaning: "what they call it",
  },
  REDIS_SENTINEL_USERNAME: { kind: live(text({ maxBytes: 256 })), meaning: "ACL user of the Sentinels" },
  REDIS_SENTINEL_PASSWORD: { kind: live(secret), meaning: "password of the Sentinels" },
  REDIS_TLS: {
    kind: toggle,
    default: { meaning: "true with rediss://" },
    meaning: "speak TLS to Redis, and to its Sentinels",
  },
  REDIS_ALLOW_EVICTION: {
    kind: listOf(oneOf(evictionPolicies)),
    default: { meaning: "noeviction alone" },
    meaning: "values of maxmemory-policy that Redis may have besides, whatever is lost by them",
  },
} as const;

type RedisValues = Values<typeof redisSettings>;

/** What does not go together, one sentence each. */
export function* redisConflicts(values: RedisValues): Iterable<string> {
  const { REDIS_URL: url, REDIS_ADDR: address } = values;
  if (url && address && showAddress(url) !== showAddress(address)) {
    yield `REDIS_ADDR=${showAddress(address)} and REDIS_URL (${showAddress(url)}) name different servers: give one of them`;
  }
  yield* tlsConflicts(values);
  yield* sentinelConflicts(values);
  const extras = [
    { name: "REDIS_USERNAME", value: values.REDIS_USERNAME, inUrl: url?.username },
    { name: "REDIS_PASSWORD", value: values.REDIS_PASSWORD, inUrl: url?.password },
    { name: "REDIS_DB", value: values.REDIS_DB, inUrl: url?.database },
    { name: "REDIS_KEY_PREFIX", value: values.REDIS_KEY_PREFIX, inUrl: undefined },
    { name: "REDIS_ALLOW_EVICTION", value: values.REDIS_ALLOW_EVICTION, inUrl: undefined },
  ].filter(({ value }) => value !== undefined);
  for (const { name, value, inUrl } of extras) {
    if (!hasRedis(values)) yield `${name} is set, but no Redis is: give REDIS_URL or REDIS_ADDR too`;
    if (inUrl !== undefined && inUrl !== value) yield `${name} differs from the one in REDIS_URL: give it in one place`;
  }
  if (values.REDIS_CLUSTER) yield* clusterConflicts(values);
  else if (values.REDIS_CLUSTER_SEEDS) {
    yield "REDIS_CLUSTER_SEEDS is set, but REDIS_CLUSTER is not: give REDIS_CLUSTER=true, or leave the seeds out";
  }
  const username = url?.username ?? values.REDIS_USERNAME;
  const password = url?.password ?? values.REDIS_PASSWORD;
  if (username && !password) yield "a Redis user is set without a password: give REDIS_PASSWORD too";
}

function* clusterConflicts(values: RedisValues): Iterable<string> {
  const { REDIS_URL: url, REDIS_DB } = values;
  if (!hasRedis(values)) yield "REDIS_CLUSTER is set, but no Redis is: give REDIS_URL or REDIS_ADDR too";
  const database = url?.database ?? REDIS_DB ?? 0;
  if (database !== 0) yield `a Redis Cluster has no database but 0: leave out the database number ${database}`;
}

function* tlsConflicts({ REDIS_URL: url, REDIS_TLS, ...values }: RedisValues): Iterable<string> {
  if (url && REDIS_TLS !== undefined && REDIS_TLS !== url.tls) {
    yield `REDIS_TLS=${REDIS_TLS} contradicts the protocol of REDIS_URL: leave REDIS_TLS out`;
  }
  if (REDIS_TLS && !hasRedis({ ...values, REDIS_URL: url })) {
    yield "REDIS_TLS is set, but no Redis is: give REDIS_URL or REDIS_ADDR too";
  }
  if (values.REDIS_TLS_CA && !url?.tls && !REDIS_TLS) {
    yield "REDIS_TLS_CA is set, but no TLS is: give a REDIS_URL with rediss://, or REDIS_TLS=true";
  }
}

function* sentinelConflicts(values: RedisValues): Iterable<string> {
  const { REDIS_SENTINELS: sentinels, REDIS_SENTINEL_MASTER: master } = values;
  for (const name of ["REDIS_SENTINEL_MASTER", "REDIS_SENTINEL_USERNAME", "REDIS_SENTINEL_PASSWORD"] as const) {
    if (values[name] !== undefined && !sentinels) {
      yield `${name} is set, but REDIS_SENTINELS is not: give the Sentinels as host:port,host:port`;
    }
  }
  if (sentinels === undefined) return;
  if (master === undefined) {
    yield "REDIS_SENTINELS is set, but REDIS_SENTINEL_MASTER is not: give the name by which they watch the master";
  }
  for (const name of ["REDIS_URL", "REDIS_ADDR"] as const) {
    if (values[name] === undefined) continue;
    yield `REDIS_SENTINELS and ${name} both say where Redis is: leave out ${name}; user, password, database and TLS are REDIS_USERNAME, REDIS_PASSWORD, REDIS_DB and REDIS_TLS`;
  }
  if (values.REDIS_CLUSTER)
    yield "REDIS_CLUSTER and REDIS_SENTINELS are set: a Cluster has no Sentinels, give one of them";
  if (values.REDIS_SENTINEL_USERNAME && !values.REDIS_SENTINEL_PASSWORD) {
    yield "a user of the Sentinels is set without a password: give REDIS_SENTINEL_PASSWORD too";
  }
}

/** Whether any Redis is given. */
export function hasRedis(values: Pick<RedisValues, "REDIS_URL" | "REDIS_ADDR" | "REDIS_SENTINELS">): boolean {
  return (values.REDIS_URL ?? values.REDIS_ADDR ?? values.REDIS_SENTINELS) !== undefined;
}

/** How to reach Redis. */
export interface RedisConfig {
  /** For messages: where it is, without credentials. */
  readonly shown: string;
  /** With everything that was given, the password too: never show it. */
  readonly url: string;
  /** Authority that signed its certificate, PEM; undefined: Node's own list. */
  readonly tlsCa: string | undefined;
  /** Absent: nothing stands in front of names. */
  readonly keyPrefix?: string;
  /** Absent: one server. */
  readonly cluster?: true;
  /** Further nodes of the Cluster. */
  readonly seeds?: readonly Address[];
  /** Present: the one server is the master that Sentinels name. */
  readonly sentinel?: {
    readonly master: string;
    readonly addresses: readonly Address[];
    readonly username: string | undefined;
    readonly password: string | undefined;
  };
  /** Values of `maxmemory-policy` that it may have besides noeviction. */
  readonly allowEviction?: readonly string[];
}

/**
 * @param values free of conflicts
 * @returns undefined when no Redis is given
 */
export function redisConfig(values: RedisValues): RedisConfig | undefined {
  const { REDIS_URL: given, REDIS_ADDR, REDIS_USERNAME, REDIS_PASSWORD, REDIS_DB } = values;
  const sentinel = sentinelConfig(values);
  const host = sentinel?.master ?? showOptional(given ?? REDIS_ADDR);
  if (host === undefined) return undefined;
  const how = {
    shown:
      sentinel === undefined ? host : `${host}, by the Sentinels ${sentinel.addresses.map(showAddress).join(", ")}`,
    tlsCa: values.REDIS_TLS_CA?.pem,
    ...(values.REDIS_KEY_PREFIX && { keyPrefix: values.REDIS_KEY_PREFIX }),
    ...(values.REDIS_CLUSTER && { cluster: true as const }),
    ...(values.REDIS_CLUSTER_SEEDS && { seeds: values.REDIS_CLUSTER_SEEDS }),
    ...(sentinel && { sentinel }),
    ...(values.REDIS_ALLOW_EVICTION && { allowEviction: values.REDIS_ALLOW_EVICTION }),
  };
  const isWhole = (REDIS_USERNAME ?? REDIS_PASSWORD ?? REDIS_DB) === undefined;
  if (given !== undefined && isWhole) return { url: given.url.href, ...how };
  const { tls = values.REDIS_TLS, username, password, database }: Partial<RedisUrl> = given ?? {};
  const url = new URL(`${tls ? "rediss" : "redis"}://${host}`);
  url.username = encodeURIComponent(username ?? REDIS_USERNAME ?? "");
  url.password = encodeURIComponent(password ?? REDIS_PASSWORD ?? "");
  const number = database ?? REDIS_DB;
  if (number !== undefined) url.pathname = `/${number}`;
  return { url: url.href, ...how };
}

function sentinelConfig(values: RedisValues): RedisConfig["sentinel"] {
  const { REDIS_SENTINELS: addresses, REDIS_SENTINEL_MASTER: master } = values;
  if (addresses === undefined || master === undefined) return undefined;
  return { master, addresses, username: values.REDIS_SENTINEL_USERNAME, password: values.REDIS_SENTINEL_PASSWORD };
}

function showOptional(address: Address | undefined): string | undefined {
  return address && showAddress(address);
}
