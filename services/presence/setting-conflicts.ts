import {
  hasRedis,
  isLoopback,
  kafkaConflicts,
  listeningTlsConflicts,
  redisConflicts,
  showAddress,
  showDuration,
  tracingConflicts,
} from "@realchat/presence-runtime";
import { callerConflicts, callersConfig } from "./caller-settings.ts";
import { leaseMarginMs } from "./domain/lease.ts";
import type { PresenceValues } from "./settings.ts";

/** What does not go together among values that are right by themselves, one sentence each. */
export function conflictsAmong(values: PresenceValues): string[] {
  return [
    ...listeningTlsConflicts(values),
    ...mutualTlsConflicts(values),
    ...callerConflicts(values),
    ...exposures(values),
    ...redisConflicts(values),
    ...eventConflicts(values),
    ...sessionConflicts(values),
    ...leaseConflicts(values),
    ...tracingConflicts(values),
  ];
}

function* mutualTlsConflicts({ TLS_CERT, TLS_CLIENT_CA }: PresenceValues): Iterable<string> {
  if (TLS_CERT || !TLS_CLIENT_CA) return;
  yield "TLS_CLIENT_CA is set without TLS_CERT: mutual TLS needs TLS_CERT and TLS_KEY too";
}

function* exposures(values: PresenceValues): Iterable<string> {
  if (values.ALLOW_INSECURE) return;
  const accept = "or accept it with ALLOW_INSECURE=true (--allow-insecure)";
  if (!isLoopback(values.GRPC_ADDR.host) && !values.TLS_CERT) {
    yield `GRPC_ADDR=${showAddress(values.GRPC_ADDR)} is reachable from other machines without TLS: set TLS_CERT and TLS_KEY, listen on 127.0.0.1, ${accept}`;
  }
  if (!isLoopback(values.GRPC_ADDR.host) && !values.TLS_CLIENT_CA && callersConfig(values) === undefined) {
    yield `GRPC_ADDR=${showAddress(values.GRPC_ADDR)} lets everybody who reaches it call everything: say who may with API_TOKENS_FILE, API_JWKS_URL or TLS_CLIENT_CA, listen on 127.0.0.1, ${accept}`;
  }
  if (!isLoopback(values.HTTP_ADDR.host)) {
    yield `HTTP_ADDR=${showAddress(values.HTTP_ADDR)} shows metrics and health to other machines, without TLS: listen on 127.0.0.1, ${accept}`;
  }
}

function* eventConflicts(values: PresenceValues): Iterable<string> {
  if (values.EVENTS.includes("kafka") && !values.KAFKA_BROKERS) {
    yield "EVENTS has kafka, but KAFKA_BROKERS is not set: give the brokers as host:port,host:port";
  }
  if (values.EVENTS.includes("redis-pubsub") && !hasRedis(values)) {
    yield "EVENTS has redis-pubsub, but no Redis is set: give REDIS_URL or REDIS_ADDR";
  }
  yield* kafkaConflicts(values);
}

function* sessionConflicts({ HEARTBEAT_INTERVAL, SESSION_TTL }: PresenceValues): Iterable<string> {
  if (HEARTBEAT_INTERVAL < SESSION_TTL) return;
  const [interval, ttl] = [showDuration(HEARTBEAT_INTERVAL), showDuration(SESSION_TTL)];
  yield `HEARTBEAT_INTERVAL=${interval} is not below SESSION_TTL=${ttl}: every session would expire; give about a third of it`;
}

function* leaseConflicts({ LEASE_TTL, LEASE_HEARTBEAT_INTERVAL }: PresenceValues): Iterable<string> {
  const leastMs = LEASE_HEARTBEAT_INTERVAL + leaseMarginMs;
  if (LEASE_TTL >= leastMs) return;
  const [ttl, interval] = [showDuration(LEASE_TTL), showDuration(LEASE_HEARTBEAT_INTERVAL)];
  yield `LEASE_TTL=${ttl} is too short for LEASE_HEARTBEAT_INTERVAL=${interval}: one lost heartbeat would end the lease; give at least ${showDuration(leastMs)}`;
}
