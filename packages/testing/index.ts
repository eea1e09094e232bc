export { bareEnvironment, type Child, onExit, startChild } from "./child.ts";
export { startChromium, type TestChromium } from "./chromium.ts";
export { coreWaitMs, heldUp } from "./core-wait.ts";
export { type DeliveryOptions, startDelivery, type TestDelivery } from "./delivery.ts";
export { freePort } from "./free-port.ts";
export {
  type InstalledPackage,
  type InstalledPrograms,
  installPackage,
  installPrograms,
  type PackedPackage,
  packPackage,
} from "./installed-package.ts";
export { type KafkaOptions, sharedKafka, startKafka, startSharedKafka, type TestKafka } from "./kafka.ts";
export { createTopics, deleteTopic } from "./kafka-topics.ts";
export { type PresenceOptions, startPresence, type TestPresence } from "./presence.ts";
export { centrifugoVersion, provideCentrifugo } from "./provision/centrifugo.ts";
export { provideChartCheck } from "./provision/chart-check.ts";
export { provideChromium } from "./provision/chromium.ts";
export { onPath, runCommand } from "./provision/command.ts";
export { repository } from "./provision/folders.ts";
export { provideGrpcGo } from "./provision/grpc-go.ts";
export { type H2load, provideH2load } from "./provision/h2load.ts";
export { handOver } from "./provision/hand-over.ts";
export { provideKafka } from "./provision/kafka-server.ts";
export { MissingServerError, type ServerName } from "./provision/missing-server.ts";
export { type NodeVersion, nodeVersions, plainNode } from "./provision/plain-node.ts";
export { type Promtool, prometheusImage, providePromtool, runPromtool } from "./provision/promtool.ts";
export { type ProxyProgram, provideEnvoy, provideHaproxy, provideNginx } from "./provision/proxies.ts";
export { provideRedis } from "./provision/redis-server.ts";
export { type RedisOptions, startRedis, type TestRedis } from "./redis.ts";
export {
  type ClusterNode,
  type RedisClusterOptions,
  type SlotMigration,
  startRedisCluster,
  type TestRedisCluster,
} from "./redis-cluster.ts";
export { type RedisAnswer, redisCommand } from "./redis-command.ts";
export { resetConnection } from "./reset-connection.ts";
export { runs, seed } from "./seed.ts";
export {
  type SentinelsOptions,
  startSentinels,
  type TestSentinel,
  type TestSentinels,
  type WatchedRedis,
} from "./sentinels.ts";
export { settleShard, settleStore } from "./settled-store.ts";
export { temporaryFolder } from "./temporary-folder.ts";
export { waitUntil } from "./wait-until.ts";
