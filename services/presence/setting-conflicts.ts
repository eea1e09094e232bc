import { isKeyOf, isLoopback, showAddress, showDuration } from "@realchat/presence-runtime";
import type { PresenceValues } from "./settings.ts";

/** What does not go together among values that are right by themselves, one sentence each. */
export function conflictsAmong(values: PresenceValues): string[] {
  return [
    ...tlsConflicts(values),
    ...exposures(values),
    ...redisConflicts(values),
    ...eventConflicts(values),
    ...sessionConflicts(values),
  ];
}

function* tlsConflicts({ TLS_CERT, TLS_KEY, TLS_CLIENT_CA }: PresenceValues): Iterable<string> {
  if (TLS_CERT && !TLS_KEY) yield "TLS_CERT is set without TLS_KEY: give the certificate's private key too";
  if (TLS_KEY && !TLS_CERT) yield "TLS_KEY is set without TLS_CERT: give the key's certificate too";
  if (TLS_CERT && TLS_KEY && !isKeyOf(TLS_KEY, TLS_CERT)) {
    yield `TLS_KEY=${TLS_KEY.path} is not the key of TLS_CERT=${TLS_CERT.path}: give two files that belong together`;
  }
  if (TLS_CLIENT_CA && !TLS_CERT)
    yield "TLS_CLIENT_CA is set without TLS_CERT: mutual TLS needs TLS_CERT and TLS_KEY too";
}

function* exposures(values: PresenceValues): Iterable<string> {
  if (values.ALLOW_INSECURE) return;
  const accept = "or accept it with ALLOW_INSECURE=true (--allow-insecure)";
  if (!isLoopback(values.GRPC_ADDR.host) && !values.TLS_CERT) {
    yield `GRPC_ADDR=${showAddress(values.GRPC_ADDR)} is reachable from other machines without TLS: set TLS_CERT and TLS_KEY, listen on 127.0.0.1, ${accept}`;
  }
  if (!isLoopback(values.HTTP_ADDR.host)) {
    yield `HTTP_ADDR=${showAddress(values.HTTP_ADDR)} shows metrics and health to other machines, without TLS: listen on 127.0.0.1, ${accept}`;
  }
}

function* redisConflicts(values: PresenceValues): Iterable<string> {
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
  const username = url?.username ?? values.REDIS_USERNAME;
  const password = url?.password ?? values.REDIS_PASSWORD;
  if (username && !password) yield "a Redis user is set without a password: give REDIS_PASSWORD too";
}

function* eventConflicts(values: PresenceValues): Iterable<string> {
  if (values.EVENTS.includes("kafka") && !values.KAFKA_BROKERS) {
    yield "EVENTS has kafka, but KAFKA_BROKERS is not set: give the brokers as host:port,host:port";
  }
  if (values.EVENTS.includes("redis-pubsub") && !values.REDIS_URL && !values.REDIS_ADDR) {
    yield "EVENTS has redis-pubsub, but no Redis is set: give REDIS_URL or REDIS_ADDR";
  }
  for (const name of ["KAFKA_TLS", "KAFKA_SASL_MECHANISM"] as const) {
    if (!values[name] || values.KAFKA_BROKERS) continue;
    yield `${name} is set, but KAFKA_BROKERS is not: give the brokers as host:port,host:port`;
  }
  if (values.KAFKA_TLS_CA && !values.KAFKA_TLS) yield "KAFKA_TLS_CA is set, but KAFKA_TLS is not: give KAFKA_TLS=true";
  const login = [values.KAFKA_SASL_MECHANISM, values.KAFKA_SASL_USERNAME, values.KAFKA_SASL_PASSWORD];
  if (login.includes(undefined) && login.some((part) => part !== undefined)) {
    yield "KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD belong together: give all three or none";
  }
}

function* sessionConflicts({ HEARTBEAT_INTERVAL, SESSION_TTL }: PresenceValues): Iterable<string> {
  if (HEARTBEAT_INTERVAL < SESSION_TTL) return;
  const [interval, ttl] = [showDuration(HEARTBEAT_INTERVAL), showDuration(SESSION_TTL)];
  yield `HEARTBEAT_INTERVAL=${interval} is not below SESSION_TTL=${ttl}: every session would expire; give about a third of it`;
}
