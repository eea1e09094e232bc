/** Passes the servers that a process found on to its children, so that only one process searches and downloads. */
type FoundServers = Partial<
  Record<"redis" | "kafka" | "chromium" | "grpcGo" | "chartCheck" | "promtool" | "nginx" | "haproxy" | "envoy", unknown>
>;

const NAME = "TEST_SERVERS";

/** Environment for a process that shall use these servers. */
export function handOver(servers: FoundServers): NodeJS.ProcessEnv {
  return { [NAME]: JSON.stringify(servers) };
}

export function handedOver<Server>(name: keyof FoundServers): Server | undefined {
  const servers = JSON.parse(process.env[NAME] ?? "{}") as FoundServers;
  return servers[name] as Server | undefined;
}
