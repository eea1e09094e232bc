import { type Address, type RedisUrl, showAddress } from "@realchat/presence-runtime";
import type { Limits } from "./domain/limits.ts";
import type { PresenceValues } from "./settings.ts";

/** All that the parts of the service are told, in their own words; made once at start. */
export interface PresenceConfig {
  readonly serviceName: string;
  /** Of this node, in logs and to Kafka; leases go by a name that is new at every start. */
  readonly instanceId: string;
  readonly listen: {
    readonly grpc: Address;
    readonly operations: Address;
    /** PEM texts; without it gRPC is plaintext. */
    readonly tls: { readonly certificate: string; readonly key: string; readonly clientCa?: string } | undefined;
  };
  readonly store: StoreConfig;
  readonly events: {
    readonly publishers: readonly ("kafka" | "redis-pubsub" | "memory")[];
    /** Present exactly when `publishers` has kafka. */
    readonly kafka: KafkaConfig | undefined;
  };
  readonly session: {
    readonly ttlMs: number;
    readonly heartbeatIntervalMs: number;
    readonly graceMs: number;
    readonly lastSeenRetentionMs: number;
  };
  readonly limits: Limits & { readonly messageMaxBytes: number };
  readonly log: { readonly level: PresenceValues["LOG_LEVEL"]; readonly format: PresenceValues["LOG_FORMAT"] };
  readonly drainTimeoutMs: number;
}

type StoreConfig = { readonly kind: "memory"; readonly logMaxEntries: number } | RedisConfig;

interface RedisConfig {
  readonly kind: "redis";
  /** With everything that was given, the password too: never show it. */
  readonly url: string;
  /** Authority that signed its certificate, PEM; undefined: Node's own list. */
  readonly tlsCa: string | undefined;
  /** Where that is. */
  readonly host: string;
  readonly port: number;
  readonly commandTimeoutMs: number;
  readonly shardCount: number;
  /** Of all shards together. */
  readonly logMaxEntries: number;
}

interface KafkaConfig {
  readonly brokers: readonly Address[];
  readonly topic: string;
  readonly createTopic: boolean;
  /** Of a topic created here; `replication` undefined: the broker's default. */
  readonly partitions: number;
  readonly replication: number | undefined;
  /** `ca`: PEM; undefined: Node's own list. */
  readonly tls: { readonly ca: string | undefined } | undefined;
  readonly sasl: KafkaSasl | undefined;
}

interface KafkaSasl {
  readonly mechanism: "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512";
  readonly username: string;
  readonly password: string;
}

/** @param values free of conflicts */
export function presenceConfig(values: PresenceValues): PresenceConfig {
  return {
    serviceName: values.SERVICE_NAME,
    instanceId: values.INSTANCE_ID,
    listen: { grpc: values.GRPC_ADDR, operations: values.HTTP_ADDR, tls: tlsConfig(values) },
    store: storeConfig(values),
    events: { publishers: values.EVENTS, kafka: values.EVENTS.includes("kafka") ? kafkaConfig(values) : undefined },
    session: {
      ttlMs: values.SESSION_TTL,
      heartbeatIntervalMs: values.HEARTBEAT_INTERVAL,
      graceMs: values.OFFLINE_GRACE,
      lastSeenRetentionMs: values.LAST_SEEN_RETENTION,
    },
    limits: {
      idMaxBytes: values.ID_MAX_BYTES,
      batchMaxSessions: values.BATCH_MAX_SESSIONS,
      queryMaxUsers: values.QUERY_MAX_USERS,
      userMaxDevices: values.USER_MAX_DEVICES,
      messageMaxBytes: values.MESSAGE_MAX_BYTES,
    },
    log: { level: values.LOG_LEVEL, format: values.LOG_FORMAT },
    drainTimeoutMs: values.DRAIN_TIMEOUT,
  };
}

function tlsConfig({ TLS_CERT, TLS_KEY, TLS_CLIENT_CA }: PresenceValues): PresenceConfig["listen"]["tls"] {
  if (TLS_CERT === undefined || TLS_KEY === undefined) return undefined;
  return { certificate: TLS_CERT.pem, key: TLS_KEY.pem, ...(TLS_CLIENT_CA && { clientCa: TLS_CLIENT_CA.pem }) };
}

function storeConfig(values: PresenceValues): StoreConfig {
  const logMaxEntries = values.LOG_MAX_ENTRIES;
  const address = values.REDIS_URL ?? values.REDIS_ADDR;
  if (address === undefined) return { kind: "memory", logMaxEntries };
  return {
    kind: "redis",
    url: wholeRedisUrl(values, address),
    tlsCa: values.REDIS_TLS_CA?.pem,
    host: address.host,
    port: address.port,
    commandTimeoutMs: values.REDIS_COMMAND_TIMEOUT,
    shardCount: values.SHARDS,
    logMaxEntries,
  };
}

/** One URL, whether the settings gave one or its parts. */
function wholeRedisUrl(values: PresenceValues, address: Address): string {
  const given: Partial<RedisUrl> = values.REDIS_URL ?? {};
  const url = new URL(`${given.tls ? "rediss" : "redis"}://${showAddress(address)}`);
  url.username = encodeURIComponent(given.username ?? values.REDIS_USERNAME ?? "");
  url.password = encodeURIComponent(given.password ?? values.REDIS_PASSWORD ?? "");
  url.pathname = `/${given.database ?? values.REDIS_DB ?? 0}`;
  return url.href;
}

function kafkaConfig(values: PresenceValues): KafkaConfig {
  return {
    brokers: values.KAFKA_BROKERS ?? [],
    topic: values.KAFKA_TOPIC,
    createTopic: values.KAFKA_CREATE_TOPIC,
    partitions: values.KAFKA_PARTITIONS,
    replication: values.KAFKA_REPLICATION,
    tls: values.KAFKA_TLS ? { ca: values.KAFKA_TLS_CA?.pem } : undefined,
    sasl: saslConfig(values),
  };
}

function saslConfig(values: PresenceValues): KafkaSasl | undefined {
  const { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: password } = values;
  if (mechanism === undefined || username === undefined || password === undefined) return undefined;
  return { mechanism, username, password };
}
