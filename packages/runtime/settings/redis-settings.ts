import { peerAddress, showAddress } from "./address.ts";
import { integer, secret, text, toggle } from "./kinds.ts";
import { certificateFile } from "./pem-file.ts";
import { type RedisUrl, redisUrl } from "./redis-url.ts";
import type { Values } from "./setting.ts";

/** Where and as whom a service reaches Redis. */
export const redisSettings = {
  REDIS_URL: {
    kind: redisUrl,
    meaning: "redis[s]://[user:password@]host:port[/database]; without Redis, state is in memory",
  },
  REDIS_ADDR: { kind: peerAddress, meaning: "instead of REDIS_URL, without TLS" },
  REDIS_TLS_CA: {
    kind: certificateFile,
    default: { meaning: "Node's list" },
    meaning: "authority that signed the certificate of a rediss:// Redis (PEM)",
  },
  REDIS_USERNAME: { kind: text({ maxBytes: 256 }), meaning: "ACL user, unless REDIS_URL has it" },
  REDIS_PASSWORD: { kind: secret, meaning: "password, unless REDIS_URL has it" },
  REDIS_DB: {
    kind: integer({ min: 0, max: 1_000_000 }),
    default: { meaning: "REDIS_URL's, else 0" },
    meaning: "database number",
  },
  REDIS_CLUSTER: {
    kind: toggle,
    default: "false",
    meaning: "Redis is a Cluster: REDIS_URL names one of its nodes, or the endpoint of a managed one",
  },
} as const;

type RedisValues = Values<typeof redisSettings>;

/** What does not go together, one sentence each. */
export function* redisConflicts(values: RedisValues): Iterable<string> {
  const { REDIS_URL: url, REDIS_ADDR: address } = values;
  if (url && address && showAddress(url) !== showAddress(address)) {
    yield `REDIS_ADDR=${showAddress(address)} and REDIS_URL (${showAddress(url)}) name different servers: give one of them`;
  }
  if (values.REDIS_TLS_CA && !url?.tls) yield "REDIS_TLS_CA is set, but no TLS is: give a REDIS_URL with rediss://";
  const extras = [
    { name: "REDIS_USERNAME", value: values.REDIS_USERNAME, inUrl: url?.username },
    { name: "REDIS_PASSWORD", value: values.REDIS_PASSWORD, inUrl: url?.password },
    { name: "REDIS_DB", value: values.REDIS_DB, inUrl: url?.database },
  ].filter(({ value }) => value !== undefined);
  for (const { name, value, inUrl } of extras) {
    if (!url && !address) yield `${name} is set, but no Redis is: give REDIS_URL or REDIS_ADDR too`;
    if (inUrl !== undefined && inUrl !== value) yield `${name} differs from the one in REDIS_URL: give it in one place`;
  }
  if (values.REDIS_CLUSTER) yield* clusterConflicts(values);
  const username = url?.username ?? values.REDIS_USERNAME;
  const password = url?.password ?? values.REDIS_PASSWORD;
  if (username && !password) yield "a Redis user is set without a password: give REDIS_PASSWORD too";
}

function* clusterConflicts({ REDIS_URL: url, REDIS_ADDR: address, REDIS_DB }: RedisValues): Iterable<string> {
  if (!url && !address) yield "REDIS_CLUSTER is set, but no Redis is: give REDIS_URL or REDIS_ADDR too";
  const database = url?.database ?? REDIS_DB ?? 0;
  if (database !== 0) yield `a Redis Cluster has no database but 0: leave out the database number ${database}`;
}

/** How to reach Redis. */
export interface RedisConfig {
  /** With everything that was given, the password too: never show it. */
  readonly url: string;
  /** Authority that signed its certificate, PEM; undefined: Node's own list. */
  readonly tlsCa: string | undefined;
  /** Absent: one server. */
  readonly cluster?: true;
}

/**
 * @param values free of conflicts
 * @returns undefined when no Redis is given
 */
export function redisConfig(values: RedisValues): RedisConfig | undefined {
  const { REDIS_URL: given, REDIS_ADDR, REDIS_USERNAME, REDIS_PASSWORD, REDIS_DB, REDIS_TLS_CA } = values;
  const address = given ?? REDIS_ADDR;
  if (address === undefined) return undefined;
  const how = { tlsCa: REDIS_TLS_CA?.pem, ...(values.REDIS_CLUSTER && { cluster: true as const }) };
  const isWhole = (REDIS_USERNAME ?? REDIS_PASSWORD ?? REDIS_DB) === undefined;
  if (given !== undefined && isWhole) return { url: given.url.href, ...how };
  const { tls, username, password, database }: Partial<RedisUrl> = given ?? {};
  const url = new URL(`${tls ? "rediss" : "redis"}://${showAddress(address)}`);
  url.username = encodeURIComponent(username ?? REDIS_USERNAME ?? "");
  url.password = encodeURIComponent(password ?? REDIS_PASSWORD ?? "");
  const number = database ?? REDIS_DB;
  if (number !== undefined) url.pathname = `/${number}`;
  return { url: url.href, ...how };
}
