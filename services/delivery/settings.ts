import {
  bearerToken,
  byteSize,
  certificateFile,
  drainDelay,
  duration,
  group,
  grpcPeer,
  integer,
  jwtSettings,
  kafkaSettings,
  listenAddress,
  listeningTlsSettings,
  listOf,
  live,
  logSettings,
  oneOf,
  origin,
  privateKeyFile,
  redisSettings,
  text,
  toggle,
  tracingSettings,
  type Values,
} from "@realchat/presence-runtime";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

const name = {
  maxBytes: 249,
  pattern: /^(?!\.{1,2}$)[\w.-]+$/,
  right: "give letters, digits, dots, dashes and underscores",
};

const topic = { ...name, maxBytes: 512, pattern: /^([\w.-]+=)?(?!\.{1,2}$)[\w.-]{1,249}$/ };

/** Every setting of the delivery service; --help, --print-config and the documents' table are made from it. */
export const deliverySettings = {
  ...group("Listening", {
    HTTP_PORT: {
      kind: listenAddress,
      default: "127.0.0.1:8083",
      meaning: "where sockets (/ws) and the page are; :port or port means all interfaces",
    },
    HTTP_ADDR: {
      kind: listenAddress,
      default: "127.0.0.1:8093",
      meaning: "where /metrics and /health listen",
    },
    ...listeningTlsSettings("HTTP_PORT"),
    ALLOW_INSECURE: {
      kind: toggle,
      default: "false",
      meaning: "allow sockets without TLS, and the operations port, beyond loopback",
    },
    PAGE: { kind: toggle, default: "true", meaning: "serve the page that shows presence at work" },
  }),
  ...group("Authentication", {
    AUTH: {
      kind: oneOf(["jwt", "none"]),
      default: { meaning: "none on loopback without a key, else jwt" },
      meaning: "how clients say who they are; none takes the query's user_id for it",
    },
    ALLOW_UNAUTHENTICATED: { kind: toggle, default: "false", meaning: "allow AUTH=none beyond loopback" },
    ...jwtSettings,
    AUTH_COOKIE: { kind: text(name), default: "realchat_token", meaning: "cookie that may hold the token" },
    ORIGINS: {
      kind: listOf(origin),
      default: { meaning: "the gateway's own" },
      meaning: "further origins whose pages may open sockets, such as https://chat.example; * for any",
    },
  }),
  ...group("Presence", {
    PRESENCE_SVC_ADDR: {
      kind: listOf(grpcPeer),
      default: "127.0.0.1:50056",
      meaning: "gRPC of the presence nodes; all addresses of a name",
    },
    PRESENCE_TLS: { kind: toggle, default: "false", meaning: "speak TLS to them" },
    PRESENCE_TLS_CA: {
      kind: live(certificateFile),
      default: { meaning: "Node's list" },
      meaning: "authority that signed their certificates (PEM)",
    },
    PRESENCE_TLS_CERT: { kind: live(certificateFile), meaning: "our certificate for mutual TLS (PEM)" },
    PRESENCE_TLS_KEY: { kind: live(privateKeyFile), meaning: "its private key (PEM)" },
    PRESENCE_TOKEN: { kind: live(bearerToken), meaning: "shows presence who calls, where it asks" },
    LEASES: {
      kind: toggle,
      default: "true",
      meaning: "keep all sessions by one heartbeat, where presence has leases; else each has its own",
    },
    FEED: {
      kind: oneOf(["kafka", "watch"]),
      default: { meaning: "kafka with KAFKA_BROKERS, else watch" },
      meaning: "where changes come from: the topic, or presence itself",
    },
  }),
  ...group("Audience", {
    ...redisSettings,
    REDIS_URL: {
      ...redisSettings.REDIS_URL,
      meaning: "redis[s]://[user:password@]host:port[/database] of the directory; without, it is in memory",
    },
    AUDIENCE_FILE: {
      kind: text({ maxBytes: 4_096 }),
      meaning: "JSON lines to begin with, as `audience import` reads them",
    },
    CONV_SVC_ADDR: {
      kind: grpcPeer,
      meaning: "ConversationApi to ask for a user's conversations when the user connects",
    },
    ALLOW_IMPORT: {
      kind: toggle,
      default: "false",
      meaning: "let `audience import` reach this gateway also where HTTP_ADDR is open to other machines",
    },
    SAMPLE_CAST: {
      kind: toggle,
      default: { meaning: "true with AUTH=none" },
      meaning: "let those whom the page offers to sign in as know each other",
    },
  }),
  ...group("Privacy", {
    INVISIBILITY: {
      kind: oneOf(["allowed", "forbidden"]),
      default: "allowed",
      meaning: "whether users may be offline to everybody while they are online",
    },
    ROLES_CLAIM: {
      kind: text({ maxBytes: 1_024 }),
      default: "roles",
      meaning:
        "claim of the token with the user's roles, a list or one text; a dot leads into a claim, as realm_access.roles",
    },
    ROLES_SEE_INVISIBLE: {
      kind: listOf(text({ maxBytes: 256 })),
      meaning: "roles that see invisible users as they are; blocks and the rest of a policy count for them too",
    },
  }),
  ...group("Kafka", {
    ...kafkaSettings,
    KAFKA_TOPICS: {
      kind: listOf(text(topic)),
      default:
        "presence.events.v1,conversation.events.v1,contact.added,contact.removed,user.blocked,user.unblocked,presence.privacy",
      meaning: "what topics are called, with a prefix or as standard=name; further ones are left alone",
    },
  }),
  ...group("Push", {
    INTEREST_MAX: {
      kind: integer({ min: 1, max: 100_000 }),
      default: "2000",
      meaning: "users whom a socket is shown without asking",
    },
    WATCHED_MAX: {
      kind: integer({ min: 1, max: 100_000 }),
      default: "10000",
      meaning: "users whom a socket is shown at once, subscriptions included",
    },
    SLOW_SOCKET: {
      kind: duration({ min: 100, max: 10 * minute }),
      default: "10s",
      meaning: "how long the network may take over one write before the socket is closed with 1013",
    },
    RECONCILE_EVERY: {
      kind: duration({ min: 0, max: 24 * hour }),
      default: "5m",
      meaning: "in what time everyone who is watched is looked up once, whatever the feed says; 0: never",
    },
  }),
  ...group("Limits", {
    SOCKETS_MAX: { kind: integer({ min: 1, max: 1_000_000 }), default: "50000", meaning: "sockets of this gateway" },
    USER_MAX_SOCKETS: { kind: integer({ min: 1, max: 100_000 }), default: "20", meaning: "sockets of one user here" },
    ADDRESS_MAX_SOCKETS: {
      kind: integer({ min: 1, max: 1_000_000 }),
      default: "1000",
      meaning: "sockets of one address here; an IPv6 /64 counts as one",
    },
    HANDSHAKES_MAX: {
      kind: integer({ min: 1, max: 1_000_000 }),
      default: "10000",
      meaning: "clients that wait for the answer to their handshake; beyond that they get 503",
    },
    ADDRESS_HEADER: {
      kind: text(name),
      default: { meaning: "there is no proxy" },
      meaning: "header in which your proxy says where a connection comes from, such as X-Forwarded-For",
    },
    MESSAGE_MAX_BYTES: {
      kind: byteSize({ min: 256, max: 16 * 2 ** 20 }),
      default: "128KiB",
      meaning: "bytes of one message from a client",
    },
    MESSAGES_PER_SECOND: {
      kind: integer({ min: 1, max: 10_000 }),
      default: "20",
      meaning: "messages from a client in the long run; five times as many at once",
    },
    HANDSHAKE_TIMEOUT: {
      kind: duration({ min: 100, max: minute }),
      default: "10s",
      meaning: "from the connection to the complete request",
    },
    PING_INTERVAL: {
      kind: duration({ min: 100, max: hour }),
      default: "25s",
      meaning: "how often each client is asked whether it is there",
    },
    PONG_TIMEOUT: {
      kind: duration({ min: 50, max: hour }),
      default: "10s",
      meaning: "how long it may take to answer before its connection counts as lost",
    },
  }),
  ...group("Tracing", tracingSettings),
  ...group("Process", {
    INSTANCE_ID: {
      kind: text({ maxBytes: 128 }),
      default: { meaning: "host-pid-start" },
      meaning: "name of this gateway, unlike that of every other",
    },
    SERVICE_NAME: { kind: text({ maxBytes: 128 }), default: "delivery", meaning: "name in logs and metrics" },
    ...logSettings,
    ...drainDelay,
    DRAIN_SPREAD: {
      kind: duration({ min: 0, max: 5 * minute }),
      default: "4s",
      meaning: "over how long a shutdown spreads the closing of its sockets",
    },
    DRAIN_TIMEOUT: {
      kind: duration({ min: 100, max: 10 * minute }),
      default: "10s",
      meaning: "how long a shutdown may take before it is cut short",
    },
  }),
};

type Given = Values<typeof deliverySettings>;
type WorkedOut = "AUTH" | "FEED" | "INSTANCE_ID" | "SAMPLE_CAST";

/** What was given, with what is still to be worked out missing. */
export type GivenValues = Given;

/** All values, those included that follow from others; undefined only where the absence says something. */
export type DeliveryValues = Given & { readonly [Name in WorkedOut]: Exclude<Given[Name], undefined> };
