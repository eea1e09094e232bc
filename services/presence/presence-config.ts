import {
  type Address,
  type KafkaSecurity,
  kafkaSecurity,
  type ListeningTls,
  listeningTls,
  type RedisConfig,
  redisConfig,
  retiredTracingAdvice,
  showDuration,
  type TracingTarget,
  tracingTarget,
} from "@realchat/presence-runtime";
import { type CallersConfig, callersConfig } from "./caller-settings.ts";
import type { LeasePace } from "./domain/lease.ts";
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
    readonly tls: (ListeningTls & { readonly clientCa?: string }) | undefined;
  };
  /** undefined: everybody may call everything. */
  readonly callers: CallersConfig | undefined;
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
    /** `refused`: why gateways get none; undefined: they do. */
    readonly leases: LeasePace & { readonly refused: string | undefined };
  };
  readonly limits: Limits & { readonly messageMaxBytes: number };
  /** undefined: nothing is traced. */
  readonly tracing: TracingTarget | undefined;
  /** What to say at start, a line each. */
  readonly advice: readonly string[];
  readonly log: { readonly level: PresenceValues["LOG_LEVEL"]; readonly format: PresenceValues["LOG_FORMAT"] };
  readonly drain: { readonly delayMs: number; readonly timeoutMs: number };
}

type StoreConfig = { readonly kind: "memory"; readonly logMaxEntries: number } | RedisStoreConfig;

interface RedisStoreConfig extends RedisConfig {
  readonly kind: "redis";
  readonly commandTimeoutMs: number;
  readonly shardCount: number;
  /** Of all shards together. */
  readonly logMaxEntries: number;
}

interface KafkaConfig extends KafkaSecurity {
  readonly brokers: readonly Address[];
  readonly topic: string;
  readonly createTopic: boolean;
  /** Of a topic created here; `replication` undefined: the broker's default. */
  readonly partitions: number;
  readonly replication: number | undefined;
}

/** A session under a lease lives for so many intervals of its verification. */
const verificationsPerTtl = 3;
const retentionMarginMs = 60_000;

/** @param values free of conflicts */
export function presenceConfig(values: PresenceValues): PresenceConfig {
  return {
    serviceName: values.SERVICE_NAME,
    instanceId: values.INSTANCE_ID,
    listen: { grpc: values.GRPC_ADDR, operations: values.HTTP_ADDR, tls: tlsConfig(values) },
    callers: callersConfig(values),
    store: storeConfig(values),
    events: { publishers: values.EVENTS, kafka: values.EVENTS.includes("kafka") ? kafkaConfig(values) : undefined },
    session: {
      ttlMs: values.SESSION_TTL,
      heartbeatIntervalMs: values.HEARTBEAT_INTERVAL,
      graceMs: values.OFFLINE_GRACE,
      lastSeenRetentionMs: values.LAST_SEEN_RETENTION,
      leases: leaseConfig(values),
    },
    limits: {
      idMaxBytes: values.ID_MAX_BYTES,
      batchMaxSessions: values.BATCH_MAX_SESSIONS,
      queryMaxUsers: values.QUERY_MAX_USERS,
      userMaxDevices: values.USER_MAX_DEVICES,
      messageMaxBytes: values.MESSAGE_MAX_BYTES,
    },
    tracing: tracingTarget(values),
    advice: [...retiredTracingAdvice(values)],
    log: { level: values.LOG_LEVEL, format: values.LOG_FORMAT },
    drain: { delayMs: values.DRAIN_DELAY, timeoutMs: values.DRAIN_TIMEOUT },
  };
}

function leaseConfig(values: PresenceValues): PresenceConfig["session"]["leases"] {
  const sessionTtlMs = verificationsPerTtl * values.LEASE_VERIFY_INTERVAL;
  // What is verified late must find what is remembered of it.
  const retentionMinMs = sessionTtlMs + retentionMarginMs;
  const refused =
    values.LAST_SEEN_RETENTION < retentionMinMs
      ? `no leases here: they need a LAST_SEEN_RETENTION of at least ${showDuration(retentionMinMs)}, ` +
        `it is ${showDuration(values.LAST_SEEN_RETENTION)}`
      : undefined;
  return {
    ttlMs: values.LEASE_TTL,
    heartbeatIntervalMs: values.LEASE_HEARTBEAT_INTERVAL,
    verifyIntervalMs: values.LEASE_VERIFY_INTERVAL,
    sessionTtlMs,
    refused,
  };
}

function tlsConfig(values: PresenceValues): PresenceConfig["listen"]["tls"] {
  const tls = listeningTls(values);
  return tls && { ...tls, ...(values.TLS_CLIENT_CA && { clientCa: values.TLS_CLIENT_CA.pem }) };
}

function storeConfig(values: PresenceValues): StoreConfig {
  const logMaxEntries = values.LOG_MAX_ENTRIES;
  const redis = redisConfig(values);
  if (redis === undefined) return { kind: "memory", logMaxEntries };
  return {
    kind: "redis",
    ...redis,
    commandTimeoutMs: values.REDIS_COMMAND_TIMEOUT,
    shardCount: values.SHARDS,
    logMaxEntries,
  };
}

function kafkaConfig(values: PresenceValues): KafkaConfig {
  return {
    brokers: values.KAFKA_BROKERS ?? [],
    topic: values.KAFKA_TOPIC,
    createTopic: values.KAFKA_CREATE_TOPIC,
    partitions: values.KAFKA_PARTITIONS,
    replication: values.KAFKA_REPLICATION,
    ...kafkaSecurity(values),
  };
}
