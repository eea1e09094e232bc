import {
  type Address,
  isLoopback,
  type JwtConfig,
  jwtConfig,
  type KafkaSecurity,
  kafkaSecurity,
  type ListeningTls,
  listeningTls,
  type RedisConfig,
  redisConfig,
  retiredTracingAdvice,
  showAddress,
  type TracingTarget,
  tracingTarget,
} from "@realchat/presence-runtime";
import type { Rules } from "./privacy/judge.ts";
import type { DeliveryValues } from "./settings.ts";

/** The configuration of each part of the service, in its own terms; built once at start. */
export interface DeliveryConfig {
  readonly serviceName: string;
  /** Unique to this gateway. */
  readonly instanceId: string;
  readonly listen: {
    readonly sockets: Address;
    readonly operations: Address;
    /** PEM texts; without it sockets are plaintext. */
    readonly tls: ListeningTls | undefined;
  };
  readonly servesPage: boolean;
  /** undefined: every client is taken for the user it names. */
  readonly tokens: JwtConfig | undefined;
  readonly handshake: {
    readonly cookie: string;
    readonly addressHeader: string | undefined;
    readonly origins: ReadonlySet<string>;
    readonly timeoutMs: number;
  };
  readonly presence: {
    /** `host:port` */
    readonly addresses: readonly string[];
    readonly tls: { readonly ca?: string; readonly certificate?: string; readonly key?: string } | undefined;
    readonly token: string | undefined;
  };
  /** Whether all sessions are kept by one heartbeat. */
  readonly leases: boolean;
  readonly feed: "kafka" | "watch";
  readonly audience: {
    /** undefined: the directory is in memory. */
    readonly redis: RedisConfig | undefined;
    readonly file: string | undefined;
    /** `host:port` */
    readonly conversationApi: string | undefined;
    /**
     * Whether the operations server is reachable from other machines, without the setting that allows imports there.
     */
    readonly isImportExposed: boolean;
    readonly hasSampleCast: boolean;
  };
  readonly privacy: Rules;
  /** Where a token has the user's roles, and which of them make a difference. */
  readonly roles: { readonly claim: string; readonly known: ReadonlySet<string> };
  readonly kafka: KafkaConfig | undefined;
  readonly push: {
    readonly limits: { readonly interestMax: number; readonly watchedMax: number; readonly lookupMax: number };
    readonly slowMs: number;
    readonly reconcileEveryMs: number;
  };
  readonly limits: {
    readonly socketsMax: number;
    readonly userMaxSockets: number;
    readonly addressMaxSockets: number;
    readonly handshakesMax: number;
    readonly messageMaxBytes: number;
    readonly messageRate: { readonly perSecond: number; readonly burst: number };
  };
  readonly liveness: { readonly pingEveryMs: number; readonly pongWithinMs: number };
  /** undefined: nothing is traced. */
  readonly tracing: TracingTarget | undefined;
  /** What to say at start, a line each. */
  readonly advice: readonly string[];
  readonly log: { readonly level: DeliveryValues["LOG_LEVEL"]; readonly format: DeliveryValues["LOG_FORMAT"] };
  readonly drain: { readonly delayMs: number; readonly spreadMs: number; readonly timeoutMs: number };
}

interface KafkaConfig extends KafkaSecurity {
  /** `host:port` */
  readonly brokers: readonly string[];
  readonly topics: readonly string[];
}

/** Users in one look-up: a tenth of presence's limit, so that a page does not delay others. */
const lookupMax = 1_000;
/** Messages at once, as a multiple of those in a second. */
const burstFactor = 5;

/** @param values free of conflicts */
export function deliveryConfig(values: DeliveryValues): DeliveryConfig {
  return {
    serviceName: values.SERVICE_NAME,
    instanceId: values.INSTANCE_ID,
    listen: { sockets: values.HTTP_PORT, operations: values.HTTP_ADDR, tls: listeningTls(values) },
    servesPage: values.PAGE,
    tokens: values.AUTH === "none" ? undefined : jwtConfig(values),
    handshake: {
      cookie: values.AUTH_COOKIE,
      addressHeader: values.ADDRESS_HEADER,
      origins: new Set(values.ORIGINS),
      timeoutMs: values.HANDSHAKE_TIMEOUT,
    },
    presence: {
      addresses: values.PRESENCE_SVC_ADDR.map(showAddress),
      tls: presenceTls(values),
      token: values.PRESENCE_TOKEN,
    },
    leases: values.LEASES,
    feed: values.FEED,
    audience: {
      redis: redisConfig(values),
      file: values.AUDIENCE_FILE,
      conversationApi: values.CONV_SVC_ADDR && showAddress(values.CONV_SVC_ADDR),
      isImportExposed: !isLoopback(values.HTTP_ADDR.host) && !values.ALLOW_IMPORT,
      hasSampleCast: values.SAMPLE_CAST,
    },
    privacy: { mayBeInvisible: values.INVISIBILITY === "allowed", rolesThatSee: new Set(values.ROLES_SEE_INVISIBLE) },
    roles: { claim: values.ROLES_CLAIM, known: new Set(values.ROLES_SEE_INVISIBLE) },
    kafka: kafkaConfig(values),
    push: {
      limits: { interestMax: values.INTEREST_MAX, watchedMax: values.WATCHED_MAX, lookupMax },
      slowMs: values.SLOW_SOCKET,
      reconcileEveryMs: values.RECONCILE_EVERY,
    },
    limits: {
      socketsMax: values.SOCKETS_MAX,
      userMaxSockets: values.USER_MAX_SOCKETS,
      addressMaxSockets: values.ADDRESS_MAX_SOCKETS,
      handshakesMax: values.HANDSHAKES_MAX,
      messageMaxBytes: values.MESSAGE_MAX_BYTES,
      messageRate: { perSecond: values.MESSAGES_PER_SECOND, burst: burstFactor * values.MESSAGES_PER_SECOND },
    },
    liveness: { pingEveryMs: values.PING_INTERVAL, pongWithinMs: values.PONG_TIMEOUT },
    tracing: tracingTarget(values),
    advice: [...retiredTracingAdvice(values)],
    log: { level: values.LOG_LEVEL, format: values.LOG_FORMAT },
    drain: { delayMs: values.DRAIN_DELAY, spreadMs: values.DRAIN_SPREAD, timeoutMs: values.DRAIN_TIMEOUT },
  };
}

function presenceTls(values: DeliveryValues): DeliveryConfig["presence"]["tls"] {
  if (!values.PRESENCE_TLS) return undefined;
  return {
    ca: values.PRESENCE_TLS_CA?.pem,
    certificate: values.PRESENCE_TLS_CERT?.pem,
    key: values.PRESENCE_TLS_KEY?.pem,
  };
}

function kafkaConfig(values: DeliveryValues): KafkaConfig | undefined {
  if (values.KAFKA_BROKERS === undefined) return undefined;
  return {
    brokers: values.KAFKA_BROKERS.map(showAddress),
    topics: values.KAFKA_TOPICS,
    ...kafkaSecurity(values),
  };
}
