import { fileDescriptorSet, presence } from "@realchat/presence-proto";
import { type CallContext, createRpcServer, Health, reflectionServices } from "@realchat/presence-rpc";
import {
  systemClock as clock,
  createLog,
  drainOnSignal,
  evictionHealth,
  type JwtConfig,
  type LiveSettings,
  type Log,
  LoopTurns,
  listenAt,
  logReadiness,
  Metrics,
  OperationsServer,
  type RedisConfig,
  Reloading,
  settingsHealth,
  showAddress,
  startOrExit,
} from "@realchat/presence-runtime";
import { JwtVerifier, type Keys, openKeys } from "@realchat/presence-runtime/authentication";
import { openTracing, traceContextIn } from "@realchat/presence-runtime/tracing";
import { ApiAccess } from "./callers/api-access.ts";
import { build, loadConfig } from "./config.ts";
import { beginReasons } from "./domain/recovery.ts";
import { defaultRules, type Rules } from "./domain/rules.ts";
import { shardOf } from "./domain/shard.ts";
import { MemoryPublisher } from "./events/memory.ts";
import type { EventPublisher } from "./events/publisher.ts";
import { type PublishToChannel, RedisPubSubPublisher } from "./events/redis-pubsub.ts";
import { TracedPublisher } from "./events/traced-publisher.ts";
import type { PresenceConfig } from "./presence-config.ts";
import {
  exposeCallers,
  exposeParts,
  exposeReloading,
  exposeServer,
  exposeTracing,
  observeCalls,
  observeTransitions,
} from "./presence-metrics.ts";
import { TracedCalls } from "./rpc/call-traces.ts";
import { presenceApi } from "./rpc/presence-api.ts";
import { PresenceService } from "./service/presence-service.ts";
import { CutOff, lookPeriodMs } from "./shards/cut-off.ts";
import { ShardWork } from "./shards/shard-work.ts";
import { startupBanner } from "./startup-banner.ts";
import { createMemoryStore } from "./store/memory/memory-store.ts";
import type { Begun, PresenceStore, Unreadable } from "./store/store.ts";
import { WatchHub } from "./watch/watch-hub.ts";

/** Over how long the callers of a node that is cut off are told so: the other nodes must bear them all. */
const sendAwayMs = 1_000;

/**
 * Puts the parts of the presence service together, runs it, and takes it apart again. The only place that knows all.
 * Clients of Redis and Kafka are loaded where settings ask for them: they take longer to load than all else.
 */

await startOrExit("presence", async () => {
  const start = loadConfig(process.argv.slice(2));
  if (start.kind === "print") process.stdout.write(start.text);
  else await run(start.settings);
});

async function run(settings: LiveSettings<PresenceConfig>): Promise<void> {
  const { config } = settings;
  const log = createLog({ service: config.serviceName, instance: config.instanceId, ...config.log });
  for (const advice of config.advice) log.warn(advice);
  const onFailure = (error: Error) => log.warn({ err: error }, "spans could not be sent: they are dropped");
  const { instanceId } = config;
  const headers = () => settings.config.tracing?.headers ?? {};
  const tracing = config.tracing && (await openTracing({ ...config.tracing, headers, instanceId, onFailure, clock }));
  const { store, publishToChannel } = await createStore(settings, log);
  const publishers = (await createPublishers(settings, publishToChannel)).map((publisher) =>
    tracing === undefined ? publisher : new TracedPublisher(publisher, tracing.tracer),
  );
  await Promise.all([store.open(), ...publishers.map((publisher) => publisher.open())]);

  const metrics = new Metrics();
  metrics.observeProcess();
  metrics.observeBuild("presence", build);
  const countTransition = observeTransitions(metrics);
  const watches = new WatchHub((userId) => shardOf(userId, store.shardCount));
  const work = new ShardWork({
    store,
    publishers,
    // New at every start: leases must not be shared by two nodes that were given one INSTANCE_ID.
    nodeId: `${config.instanceId}/${Math.floor(clock.random() * 2 ** 32).toString(36)}`,
    ttlMs: config.session.ttlMs,
    clock,
    onEntry(transition, isPublishedHere) {
      countTransition(transition, isPublishedHere);
      watches.entry(transition);
    },
    onDevicesChanged: (userId) => watches.devicesChanged(userId),
    onLeaseNotice: (notice) => watches.leaseNotice(notice),
    onNoticesMissed: () => watches.noticesMissed(),
    onRecovering(shard) {
      log.warn({ shard }, "this shard began anew, since its data may be lost: nobody in it goes offline for a TTL");
      watches.recovering(shard);
    },
    onRecovered(shard) {
      log.info({ shard }, "this shard has recovered: watchers start over");
      watches.recovered(shard);
    },
    onGap(shard) {
      log.warn({ shard }, "the log was trimmed before this node read it: watchers start over");
      watches.gap(shard);
    },
    onMended(mended) {
      log.error(mended, "records and deadlines did not fit each other: somebody else deleted some from this Redis");
    },
    onOverflow(shard, publisher) {
      log.error({ shard, publisher }, "the log ran over before it was published: all who are online will be restated");
    },
    onRestating: (shards) => log.info({ shards }, "restating who is online, so that every consumer converges"),
    onRestated({ shards, users, tookMs }) {
      const figures = { shards, users, tookMs: Math.round(tookMs) };
      if (shards.length > 0) log.info(figures, "restated who is online: these shards are reset now");
      else log.warn(figures, "restating was cut short: it begins anew");
    },
  });
  const cutOff = new CutOff({
    ticksWorked: () => work.ticksWorked,
    onCutOff() {
      log.warn("no tick worked for 5 s: callers are told to go to another node");
      server.sendAway(sendAwayMs);
    },
  });
  exposeParts(metrics, { store, work, cutOff, watches, publishers, logMaxEntries: config.store.logMaxEntries });

  const checks = {
    store: () => store.health(),
    // Without room for new sessions, those that are there are served all the same: taking every node out of rotation
    // would end them.
    registrations: () => {
      const { full } = store.health();
      return { ready: full === undefined, detail: full ?? "new sessions are taken", optional: true };
    },
    eviction: () => evictionHealth(store.health().eviction),
    settings: () => settingsHealth(store.health().settings),
    log: () => ({
      ready: work.followsAllShards,
      detail: work.followsAllShards ? "follows every shard" : "does not follow every shard",
    }),
    ticks: () => ({
      ready: !cutOff.isCutOff,
      detail: cutOff.isCutOff ? "no tick of any shard has worked for 5 s" : "the store takes them",
    }),
    // Without its broker, presence answers calls all the same: what it has to publish waits in the log.
    ...Object.fromEntries(
      publishers.map((publisher) => [publisher.name, () => ({ ...publisher.health(), optional: true })]),
    ),
  };
  const health = new Health();
  const noteReadiness = logReadiness(log, checks, clock);
  const showHealth = () => {
    const { ready, serves } = store.health();
    // One shard in trouble must not keep callers from the others; it cannot be followed meanwhile.
    const isServing = serves && !cutOff.isCutOff && (work.followsAllShards || !ready);
    for (const name of ["", presence.PresenceApiDefinition.fullName]) health.set(name, isServing);
    noteReadiness();
  };
  const service = new PresenceService({
    store,
    watches,
    limits: config.limits,
    followsAllShards: () => work.followsAllShards,
    leasesRefused: config.session.leases.refused,
    rules: rulesOf(config),
    clock,
  });
  const traces = tracing && new TracedCalls(tracing.tracer);
  const onInternalError = (method: string, error: unknown, call?: CallContext) =>
    log.error({ err: error, method, trace_id: traces?.traceIdOf(call) }, "a handler failed: this is a bug");
  const api = presenceApi(service, config.session, new LoopTurns(clock), onInternalError, traces);
  const services = [api, health.service];
  const { callers } = config;
  const jwt = callers?.tokens;
  const tokens = jwt && new JwtVerifier({ ...jwt, keys: await openCallerKeys(jwt, log), clock });
  const access = callers && new ApiAccess({ listed: callers.listed, tokens }, callers.quotas, clock);
  exposeCallers(metrics, () => access?.metrics());
  const server = createRpcServer({
    services: [...services, ...reflectionServices(services, fileDescriptorSet())],
    // Nobody is traced who may not call.
    interceptors: [access, traces].flatMap((part) => (part === undefined ? [] : [part.interceptor])),
    observer: observeCalls(metrics),
    onInternalError,
    limits: { messageMaxBytes: config.limits.messageMaxBytes },
    tls: config.listen.tls,
  });
  exposeServer(metrics, () => server.metrics());
  const reloading = new Reloading({
    ...{ settings, log, clock },
    async apply(next) {
      const nextJwt = next.callers?.tokens;
      // A key set is read again by itself.
      if (nextJwt && nextJwt.keys.kind !== "jwks") tokens?.replaceKeys(await openCallerKeys(nextJwt, log));
      if (next.callers) access?.replaceList(next.callers.listed);
      if (next.listen.tls) server.replaceTls(next.listen.tls);
      log.level = next.log.level;
    },
  });
  exposeReloading(metrics, () => reloading.metrics());
  if (tracing !== undefined) exposeTracing(metrics, () => tracing.metrics());
  let draining = false;
  const operations = new OperationsServer({
    service: config.serviceName,
    metrics,
    clock,
    isDraining: () => draining,
    checks,
  });

  work.start();
  // At once, so that the first caller is told NOT_SERVING and not that there is no such service.
  showHealth();
  const stopShowingHealth = clock.every(lookPeriodMs, () => {
    cutOff.look();
    showHealth();
  });
  const grpcPort = await listenAt("GRPC_ADDR", config.listen.grpc, (address) => server.listen(address));
  const operationsPort = await listenAt("HTTP_ADDR", config.listen.operations, (address) => operations.listen(address));
  const addresses = {
    grpc: showAddress({ ...config.listen.grpc, port: grpcPort }),
    operations: showAddress({ ...config.listen.operations, port: operationsPort }),
  };
  log.info(addresses, "presence is up");
  // Not on stdout, which is the log's and may be JSON.
  if (config.log.format !== "json") process.stderr.write(startupBanner(config, addresses));

  drainOnSignal({
    log,
    clock,
    onHangUp: () => void reloading.reload(),
    // Callers that ask for its health go elsewhere; those that do not are served until nobody is sent here.
    announce() {
      draining = true;
      health.drain();
    },
    delayMs: config.drain.delayMs,
    deadlineMs: config.drain.timeoutMs,
    steps: [
      {
        name: "stop serving",
        run(remainingMs) {
          reloading.close();
          stopShowingHealth();
          watches.closeAll();
          return server.drain(remainingMs / 2);
        },
      },
      {
        name: "hand the shards over",
        // A send under way gets some time; what a broker does not take in it stays in the log for the next holder.
        run: async (remainingMs) => {
          await Promise.all([work.stop(), ...publishers.map((publisher) => publisher.close(remainingMs / 2))]);
        },
      },
      { name: "close the store", run: () => store.close() },
      { name: "send the last spans", run: (remainingMs) => tracing?.close(remainingMs / 2) },
      { name: "close operations", run: () => operations.close() },
    ],
  });
}

function openCallerKeys({ keys }: JwtConfig, log: Log): Promise<Keys> {
  return openKeys(keys, clock, (error) =>
    log.warn({ err: error }, "the key set of callers' tokens cannot be read; the last one counts"),
  );
}

/** The store, and how its Redis, if it has one, is published on. */
async function createStore(
  settings: LiveSettings<PresenceConfig>,
  log: Log,
): Promise<{ store: PresenceStore; publishToChannel: PublishToChannel | undefined }> {
  const { store, session } = settings.config;
  const { lastSeenRetentionMs: retentionMs } = session;
  const rules = rulesOf(settings.config);
  if (store.kind === "memory") {
    return { store: createMemoryStore({ rules, retentionMs, ...store }, clock), publishToChannel: undefined };
  }
  const onUnreadable = ({ key, message, traceparent }: Unreadable) =>
    log.error(
      { key, trace_id: traceContextIn(traceparent)?.traceId },
      `somebody else wrote into this Redis: ${message}`,
    );
  const onBegin = ({ shard, reason, begin }: Begun) =>
    log.warn({ shard, reason, begin }, `the store of shard ${shard} began anew: ${beginReasons[reason]}`);
  const onEviction = (detail: string) => log.warn(detail);
  const told = { onUnreadable, onBegin, onEviction, onSetting: onEviction };
  const current = () => redisIn(settings.config) ?? store;
  const { createRedisStore } = await import("./store/redis/redis-store.ts");
  const redis = createRedisStore({ rules, retentionMs, shards: store.shardCount, ...store, current, ...told }, clock);
  return { store: redis, publishToChannel: (channel, message) => redis.publish(channel, message) };
}

function redisIn({ store }: PresenceConfig): RedisConfig | undefined {
  return store.kind === "redis" ? store : undefined;
}

function rulesOf({ session, limits }: PresenceConfig): Rules {
  const { ttlMs, graceMs, leases } = session;
  const { ttlMs: leaseTtlMs, sessionTtlMs: leasedTtlMs } = leases;
  const { userMaxDevices } = limits;
  return { ...defaultRules, ttlMs, graceMs, leaseTtlMs, leasedTtlMs, userMaxDevices };
}

async function createPublishers(
  settings: LiveSettings<PresenceConfig>,
  publishToChannel: PublishToChannel | undefined,
): Promise<readonly EventPublisher[]> {
  const { events, instanceId } = settings.config;
  const { publishers, kafka } = events;
  const created: EventPublisher[] = [];
  if (kafka !== undefined) {
    const { KafkaPublisher } = await import("./events/kafka/kafka-publisher.ts");
    created.push(
      new KafkaPublisher({
        clock,
        clientId: instanceId,
        brokers: kafka.brokers.map(showAddress),
        topic: kafka.topic,
        tls: kafka.tls,
        sasl: kafka.sasl,
        current: () => settings.config.events.kafka ?? kafka,
        ...(kafka.createTopic && { createTopic: { partitions: kafka.partitions, replication: kafka.replication } }),
      }),
    );
  }
  if (publishers.includes("redis-pubsub") && publishToChannel !== undefined) {
    created.push(new RedisPubSubPublisher({ publishToChannel, keyPrefix: redisIn(settings.config)?.keyPrefix, clock }));
  }
  if (publishers.includes("memory")) created.push(new MemoryPublisher());
  return created;
}
