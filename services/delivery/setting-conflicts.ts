import {
  isLoopback,
  jwtConflicts,
  kafkaConflicts,
  listeningTlsConflicts,
  redisConflicts,
  showAddress,
  showDuration,
  tracingConflicts,
} from "@realchat/presence-runtime";
import { kafkaTopics } from "./kafka-topics.ts";
import type { DeliveryValues } from "./settings.ts";

/** What the values are for: a gateway, or a command beside it. */
export type Purpose = "gateway" | "command";

/** One of these given means that clients need tokens. */
export const tokenSettings = ["JWT_SECRET", "JWT_PUBLIC_KEY", "JWKS_URL", "JWT_ISSUER", "JWT_AUDIENCE"] as const;

/** Conflicts among values that are valid by themselves, one sentence each. */
export function conflictsAmong(values: DeliveryValues, purpose: Purpose): string[] {
  return [
    ...(purpose === "gateway" ? listeningConflicts(values) : []),
    ...jwtConflicts(values),
    ...presenceConflicts(values),
    ...redisConflicts(values),
    ...feedConflicts(values),
    ...kafkaConflicts(values),
    ...timeConflicts(values),
    ...tracingConflicts(values),
  ];
}

function listeningConflicts(values: DeliveryValues): string[] {
  return [
    ...listeningTlsConflicts(values),
    ...exposures(values),
    ...authenticationConflicts(values),
    ...addressConflicts(values),
  ];
}

function* exposures(values: DeliveryValues): Iterable<string> {
  if (values.ALLOW_INSECURE) return;
  const { HTTP_PORT, HTTP_ADDR } = values;
  const accept = "or accept it with ALLOW_INSECURE=true (--allow-insecure)";
  if (!isLoopback(HTTP_PORT.host) && !values.TLS_CERT) {
    yield `HTTP_PORT=${showAddress(HTTP_PORT)} is reachable from other machines without TLS: set TLS_CERT and TLS_KEY, listen on 127.0.0.1:${HTTP_PORT.port}, ${accept}`;
  }
  if (!isLoopback(HTTP_ADDR.host)) {
    yield `HTTP_ADDR=${showAddress(HTTP_ADDR)} shows metrics and health to other machines, without TLS: listen on 127.0.0.1:${HTTP_ADDR.port}, ${accept}`;
  }
}

function* addressConflicts({ ADDRESS_HEADER }: DeliveryValues): Iterable<string> {
  // RFC 7239: pairs of names and values.
  if (ADDRESS_HEADER?.toLowerCase() === "forwarded") {
    yield `ADDRESS_HEADER=${ADDRESS_HEADER} is not read, it has more than addresses: have the proxy send X-Forwarded-For, and give that`;
  }
}

function* authenticationConflicts(values: DeliveryValues): Iterable<string> {
  const { AUTH, HTTP_PORT, JWT_SECRET, JWT_PUBLIC_KEY, JWKS_URL } = values;
  if (AUTH === "jwt" && (JWT_SECRET ?? JWT_PUBLIC_KEY ?? JWKS_URL) === undefined) {
    yield "AUTH=jwt has no key to check tokens with: give JWT_SECRET, JWT_PUBLIC_KEY or JWKS_URL";
  }
  const forTokens = tokenSettings.filter((name) => values[name] !== undefined).join(" and ");
  if (AUTH === "none" && forTokens !== "") {
    yield `AUTH=none takes everybody for whom he says he is, but ${forTokens} is set: leave out ${forTokens}, or AUTH to ask for tokens`;
  }
  if (AUTH === "none" && !isLoopback(HTTP_PORT.host) && !values.ALLOW_UNAUTHENTICATED) {
    yield `AUTH=none lets everybody who reaches HTTP_PORT=${showAddress(HTTP_PORT)} be anybody: give a key for tokens, listen on 127.0.0.1:${HTTP_PORT.port}, or accept it with ALLOW_UNAUTHENTICATED=true (--allow-unauthenticated)`;
  }
}

function* presenceConflicts(values: DeliveryValues): Iterable<string> {
  const { PRESENCE_TLS, PRESENCE_TLS_CA, PRESENCE_TLS_CERT, PRESENCE_TLS_KEY } = values;
  if (!PRESENCE_TLS && (PRESENCE_TLS_CA || PRESENCE_TLS_CERT || PRESENCE_TLS_KEY)) {
    yield "PRESENCE_TLS_CA, PRESENCE_TLS_CERT and PRESENCE_TLS_KEY need PRESENCE_TLS=true";
  }
  if ((PRESENCE_TLS_CERT === undefined) !== (PRESENCE_TLS_KEY === undefined)) {
    yield "PRESENCE_TLS_CERT and PRESENCE_TLS_KEY belong together: give both or none";
  }
}

function* feedConflicts(values: DeliveryValues): Iterable<string> {
  yield* topicConflicts(values);
  if (values.FEED === "kafka" && !values.KAFKA_BROKERS) {
    yield "FEED=kafka, but KAFKA_BROKERS is not set: give the brokers as host:port,host:port";
  }
}

function* topicConflicts({ KAFKA_TOPICS }: DeliveryValues): Iterable<string> {
  try {
    kafkaTopics(KAFKA_TOPICS);
  } catch (error) {
    yield `KAFKA_TOPICS: ${(error as Error).message}`;
  }
}

function* timeConflicts({
  PING_INTERVAL,
  PONG_TIMEOUT,
  DRAIN_SPREAD,
  DRAIN_TIMEOUT,
  ...values
}: DeliveryValues): Iterable<string> {
  if (PONG_TIMEOUT >= PING_INTERVAL) {
    yield `PONG_TIMEOUT=${showDuration(PONG_TIMEOUT)} is not below PING_INTERVAL=${showDuration(PING_INTERVAL)}: a client must answer before it is asked again`;
  }
  if (DRAIN_SPREAD >= DRAIN_TIMEOUT) {
    yield `DRAIN_SPREAD=${showDuration(DRAIN_SPREAD)} is not below DRAIN_TIMEOUT=${showDuration(DRAIN_TIMEOUT)}: sessions are handed over after it`;
  }
  if (values.WATCHED_MAX < values.INTEREST_MAX) {
    yield `WATCHED_MAX=${values.WATCHED_MAX} is below INTEREST_MAX=${values.INTEREST_MAX}: give at least as many`;
  }
}
