import type { DeliveryConfig } from "./delivery-config.ts";

/** What is printed at the start on a terminal: where the page is, what the gateway runs on, what is not connected. */
export function startupBanner(config: DeliveryConfig, addresses: { sockets: string; operations: string }): string {
  const { listen, tokens, feed, audience, presence, kafka } = config;
  const secure = listen.tls === undefined ? "" : "s";
  const lines = [
    "RealChat Delivery is up.",
    "",
    ...(config.servesPage ? [`  open        http${secure}://${addresses.sockets}/ in two windows`] : []),
    `  sockets     ws${secure}://${addresses.sockets}/ws?device_id=…${tokens === undefined ? "&user_id=…" : ""}`,
    `  operations  http://${addresses.operations} (/metrics, /health/ready)`,
    `  presence    ${presence.addresses.join(", ")}`,
    feed === "kafka"
      ? `  feed        Kafka at ${kafka?.brokers.join(", ")}`
      : "  feed        WatchPresence; KAFKA_BROKERS=host:9092 reads the events instead",
    audience.redis === undefined
      ? "  audience    in this process's memory: REDIS_URL=redis://host:6379 keeps it and shares it"
      : `  audience    Redis at ${audience.redis.shown}`,
    tokens === undefined
      ? "  users       are who they say they are: JWT_SECRET, JWT_PUBLIC_KEY or JWKS_URL asks for tokens"
      : "  users       bring a token",
    "",
  ];
  return `${lines.join("\n")}\n`;
}
