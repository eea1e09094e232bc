import {
  byteSize,
  certificateFile,
  drainDelay,
  duration,
  group,
  integer,
  kafkaSettings,
  listenAddress,
  listeningTlsSettings,
  listOf,
  live,
  logSettings,
  oneOf,
  redisSettings,
  text,
  toggle,
  tracingSettings,
  type Values,
} from "@realchat/presence-runtime";
import { callerSettings } from "./caller-settings.ts";

const second = 1_000;
const minute = 60 * second;
const day = 24 * 60 * minute;

/** Every setting of the presence service; --help, --print-config and the table in docs/configuration.md are made from it. */
export const presenceSettings = {
  ...group("Listening", {
    GRPC_ADDR: {
      kind: listenAddress,
      default: "127.0.0.1:50056",
      meaning: "where gRPC listens; :port or port means all interfaces",
    },
    HTTP_ADDR: {
      kind: listenAddress,
      default: "127.0.0.1:8096",
      meaning: "where /metrics and /health listen",
    },
    ...listeningTlsSettings("the gRPC server"),
    TLS_CLIENT_CA: {
      kind: live(certificateFile),
      meaning: "authority (PEM) that must have signed callers' certificates: mutual TLS",
    },
    ALLOW_INSECURE: {
      kind: toggle,
      default: "false",
      meaning: "allow gRPC without TLS or from everybody, and the operations port, beyond loopback",
    },
  }),
  ...group("Callers", callerSettings),
  ...group("State", {
    ...redisSettings,
    REDIS_COMMAND_TIMEOUT: {
      kind: duration({ min: 50, max: minute }),
      default: "2s",
      meaning: "silence after which Redis counts as unreachable",
    },
    SHARDS: {
      kind: integer({ min: 1, max: 1_024 }),
      default: "16",
      meaning: "parts that Redis holds the users in; fixed once a store is written",
    },
    LOG_MAX_ENTRIES: {
      kind: integer({ min: 1_000, max: 100_000_000 }),
      default: "1000000",
      meaning: "transitions that the log holds at most, even unpublished ones",
    },
  }),
  ...group("Events", {
    EVENTS: {
      kind: listOf(oneOf(["kafka", "redis-pubsub", "memory"])),
      default: { meaning: "kafka, else memory" },
      meaning: "where transitions are published; by default to kafka when KAFKA_BROKERS is set",
    },
    ...kafkaSettings,
    KAFKA_TOPIC: {
      kind: text({
        maxBytes: 249,
        pattern: /^(?!\.{1,2}$)[\w.-]+$/,
        right: "give letters, digits, dots, dashes and underscores",
      }),
      default: "presence.events.v1",
      meaning: "topic of the events",
    },
    KAFKA_CREATE_TOPIC: { kind: toggle, default: "true", meaning: "create the topic where it is missing" },
    KAFKA_PARTITIONS: {
      kind: integer({ min: 1, max: 10_000 }),
      default: "16",
      meaning: "partitions of a topic created here",
    },
    KAFKA_REPLICATION: {
      kind: integer({ min: 1, max: 100 }),
      default: { meaning: "the broker's default" },
      meaning: "replicas of a topic created here",
    },
  }),
  ...group("Sessions", {
    SESSION_TTL: {
      kind: duration({ min: second, max: day }),
      default: "60s",
      meaning: "how long a session lives without a heartbeat",
    },
    HEARTBEAT_INTERVAL: {
      kind: duration({ min: 100, max: day }),
      default: { meaning: "SESSION_TTL / 3" },
      meaning: "how often gateways are told to send heartbeats",
    },
    LEASE_TTL: {
      kind: duration({ min: second, max: day }),
      default: "15s",
      meaning: "how long a gateway's lease lives without a heartbeat; 30s where virtual machines freeze",
    },
    LEASE_HEARTBEAT_INTERVAL: {
      kind: duration({ min: 100, max: day }),
      default: "5s",
      meaning: "how often gateways are told to keep their leases",
    },
    LEASE_VERIFY_INTERVAL: {
      kind: duration({ min: second, max: 7 * day }),
      default: "5m",
      meaning:
        "how often gateways are told to verify each session under a lease; one that is not for three of these ends",
    },
    OFFLINE_GRACE: {
      kind: duration({ min: 0, max: day }),
      default: "5s",
      meaning: "how long a user who lost the connection stays online; ends with the session's TTL",
    },
    LAST_SEEN_RETENTION: {
      kind: duration({ min: 2 * minute, max: 366 * day }),
      default: "24h",
      meaning: "how long it is remembered when a user was last seen",
    },
  }),
  ...group("Limits", {
    ID_MAX_BYTES: {
      kind: integer({ min: 1, max: 1_024 }),
      default: "128",
      meaning: "bytes of a user, device, instance or connection id",
    },
    BATCH_MAX_SESSIONS: {
      kind: integer({ min: 1, max: 100_000 }),
      default: "1000",
      meaning: "sessions of one RegisterSessions, UnregisterSessions or RefreshSessions call",
    },
    QUERY_MAX_USERS: {
      kind: integer({ min: 1, max: 100_000 }),
      default: "10000",
      meaning: "user ids of one GetPresence, BatchGetUserDevices or WatchPresence call",
    },
    USER_MAX_DEVICES: { kind: integer({ min: 1, max: 1_000 }), default: "100", meaning: "devices of one user" },
    MESSAGE_MAX_BYTES: {
      kind: byteSize({ min: 1_024, max: 64 * 2 ** 20 }),
      default: "4MiB",
      meaning: "bytes of one gRPC request",
    },
  }),
  ...group("Tracing", tracingSettings),
  ...group("Process", {
    INSTANCE_ID: {
      kind: text({ maxBytes: 128 }),
      default: { meaning: "host-pid-start" },
      meaning: "name of this node in logs and to Kafka",
    },
    SERVICE_NAME: { kind: text({ maxBytes: 128 }), default: "presence", meaning: "name in logs and metrics" },
    ...logSettings,
    ...drainDelay,
    DRAIN_TIMEOUT: {
      kind: duration({ min: 100, max: 5 * minute }),
      default: "10s",
      meaning: "how long a shutdown may take before it is cut short",
    },
  }),
};

/** What was set, or has a default. */
export type GivenValues = Values<typeof presenceSettings>;
type WorkedOut = "HEARTBEAT_INTERVAL" | "EVENTS" | "INSTANCE_ID";

/** All values, those included that follow from others; undefined only where the absence says something. */
export type PresenceValues = GivenValues & { readonly [Name in WorkedOut]: Exclude<GivenValues[Name], undefined> };
