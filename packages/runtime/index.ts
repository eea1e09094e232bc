export { type BackoffLimits, backoffMs } from "./backoff.ts";
export { outliveBrokenOutput } from "./broken-output.ts";
export { type Build, readBuild, showBuild } from "./build.ts";
export { type Cancel, type Clock, pause, systemClock } from "./clock.ts";
export { withDeadline } from "./deadline.ts";
export { evictionHealth } from "./eviction-health.ts";
export { isOwnWithoutDoubt } from "./host-header.ts";
export { faultOfId, idMaxBytes, wrongWithId } from "./ids.ts";
export { listenAt } from "./listen-at.ts";
export { createLog, type Log, type LogOptions, prettyFormat } from "./log.ts";
export { LoopTurns } from "./loop-turns.ts";
export { HotCounter } from "./metrics/hot-counter.ts";
export { HotHistogram } from "./metrics/hot-histogram.ts";
export type { Labels } from "./metrics/label-sets.ts";
export { Metrics, type ReadSamples } from "./metrics/metrics.ts";
export type { Definition, Sample } from "./metrics/scraped.ts";
export { OperationMeter, type OperationMetrics } from "./operation-meter.ts";
export { type OperationsOptions, OperationsServer, type Order, type ReadinessCheck } from "./operations-server.ts";
export { logReadiness } from "./readiness-log.ts";
export { namesSecret, redactUrls } from "./redact.ts";
export { Reloading, type ReloadMetrics } from "./reloading/reloading.ts";
export { callersFile } from "./settings/callers-file.ts";
export { type CommandLine, parseCommandLine } from "./settings/command-line.ts";
export { readConfigFile } from "./settings/config-file.ts";
export { drainDelay } from "./settings/drain-delay.ts";
export * from "./settings/index.ts";
export { type JwtConfig, type JwtValues, jwtConfig, jwtConflicts, jwtSettings } from "./settings/jwt-settings.ts";
export { type KafkaSecurity, kafkaConflicts, kafkaSecurity, kafkaSettings } from "./settings/kafka-settings.ts";
export {
  type ListeningTls,
  listeningTls,
  listeningTlsConflicts,
  listeningTlsSettings,
} from "./settings/listening-tls-settings.ts";
export type { LiveSettings } from "./settings/live-settings.ts";
export { instanceName, loadSettings, type Start } from "./settings/load-settings.ts";
export { logSettings } from "./settings/log-settings.ts";
export { normalOrigin, origin } from "./settings/origin.ts";
export { type Origin, type Reading, readSettings } from "./settings/read-settings.ts";
export { hasRedis, type RedisConfig, redisConfig, redisConflicts, redisSettings } from "./settings/redis-settings.ts";
export { type RedisUrl, redisUrl } from "./settings/redis-url.ts";
export { SettingsError } from "./settings/settings-error.ts";
export { markdownTable } from "./settings/show-settings.ts";
export {
  retiredTracingAdvice,
  type TracingTarget,
  tracingConflicts,
  tracingSettings,
  tracingTarget,
} from "./settings/tracing-settings.ts";
export { settingsHealth } from "./settings-health.ts";
export { type DrainOptions, type DrainStep, drainOnSignal, runOrExit, startOrExit } from "./shutdown.ts";
export { type Rate, TokenBucket } from "./token-bucket.ts";
