import { showAddress } from "@realchat/presence-runtime";
import type { PresenceConfig } from "./presence-config.ts";

/** What someone who just started the service wants to know: what it runs on, what is not connected, what to try next. */
export function startupBanner(config: PresenceConfig, addresses: { grpc: string; operations: string }): string {
  const { store, events, listen, callers } = config;
  const lines = [
    "RealChat Presence is up.",
    "",
    `  gRPC        ${addresses.grpc}${listen.tls === undefined ? "" : " (TLS)"}`,
    ...(callers === undefined
      ? []
      : ["  callers     have tokens or certificates: PRESENCE_TOKEN gives one to the commands below"]),
    `  operations  http://${addresses.operations} (/metrics, /health/ready)`,
    store.kind === "memory"
      ? "  state       in this process's memory: gone when it stops; REDIS_URL=redis://host:6379 keeps it and shares it"
      : `  state       Redis at ${store.shown}, ${store.shardCount} shards`,
    events.kafka === undefined
      ? "  events      Kafka is not connected: KAFKA_BROKERS=host:9092 publishes UserOnline and UserOffline"
      : `  events      Kafka topic ${events.kafka.topic} at ${events.kafka.brokers.map(showAddress).join(", ")}`,
    ...(events.publishers.includes("redis-pubsub") ? ["              Redis channel presence:updates"] : []),
    "",
    "Try it, in two other terminals:",
    "",
    `  npm run -s presence -- watch${addressFlag(addresses.grpc)}`,
    `  npm run -s presence -- hold alice phone${addressFlag(addresses.grpc)}`,
    "",
  ];
  return `${lines.join("\n")}\n`;
}

function addressFlag(grpc: string): string {
  return grpc === "127.0.0.1:50056" ? "" : ` --addr ${grpc}`;
}
