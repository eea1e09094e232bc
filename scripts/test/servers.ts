import {
  handOver,
  MissingServerError,
  provideChartCheck,
  provideChromium,
  provideEnvoy,
  provideGrpcGo,
  provideHaproxy,
  provideKafka,
  provideNginx,
  providePromtool,
  provideRedis,
  type ServerName,
  startSharedKafka,
} from "@realchat/presence-testing";
import { neededServers } from "./needed-servers.ts";
import type { Suite } from "./suites.ts";

export type Servers = {
  /** Tells the suites where the servers are. */
  readonly env: NodeJS.ProcessEnv;
  readonly missing: ReadonlyMap<ServerName, MissingServerError>;
  stop(): Promise<void>;
};

/** All servers that some of the suites need. */
export function serversOf(suites: readonly Suite[]): Set<ServerName> {
  return new Set(suites.flatMap((suite) => neededServers(suite)));
}

/** What a suite needs and is missing, if there is something. */
export function lacks(suite: Suite, { missing }: Servers): MissingServerError | undefined {
  return neededServers(suite)
    .map((name) => missing.get(name))
    .find((error) => error !== undefined);
}

/**
 * Finds the servers that the suites need and starts the Kafka that they share.
 * @param say prints what takes a while
 */
export async function provideServers(needed: ReadonlySet<ServerName>, say: (line: string) => void): Promise<Servers> {
  const missing = new Map<ServerName, MissingServerError>();
  const attempt = async <Server>(name: ServerName, provide: () => Promise<Server>): Promise<Server | undefined> => {
    if (!needed.has(name)) return undefined;
    try {
      return await provide();
    } catch (error) {
      missing.set(name, toMissing(name, error));
      return undefined;
    }
  };
  const buildingGo = (async () => ({
    grpcGo: await attempt("grpc-go", () => provideGrpcGo(say)),
    chartCheck: await attempt("chart-check", () => provideChartCheck(say)),
  }))();
  // One after the other: all may need the package manager, which serves one at a time.
  const redis = await attempt("Redis", () => provideRedis(say));
  const kafka = await attempt("Kafka", () => provideKafka(say));
  const chromium = await attempt("Chromium", () => provideChromium(say));
  const promtool = await attempt("promtool", () => providePromtool(say));
  const nginx = await attempt("nginx", () => provideNginx(say));
  const haproxy = await attempt("haproxy", () => provideHaproxy(say));
  const envoy = await attempt("envoy", () => provideEnvoy());
  const shared = kafka && (await attempt("Kafka", () => startSharedKafka()));
  return {
    env: {
      ...handOver({ redis, kafka, chromium, promtool, nginx, haproxy, envoy, ...(await buildingGo) }),
      ...(shared && { TEST_KAFKA_BROKERS: shared.brokers }),
    },
    missing,
    stop: async () => shared?.stop(),
  };
}

/** A server that is there and does not start is as good as none. */
function toMissing(name: ServerName, error: unknown): MissingServerError {
  return error instanceof MissingServerError ? error : new MissingServerError(name, String(error));
}
