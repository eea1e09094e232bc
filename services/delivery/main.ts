import type { IncomingMessage, ServerResponse } from "node:http";
import { PresenceChannels, SessionKeeper, StatusKeeper } from "@realchat/presence-client";
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
  Metrics,
  OperationsServer,
  Reloading,
  settingsHealth,
  showAddress,
  startOrExit,
} from "@realchat/presence-runtime";
import { JwtVerifier, type Keys, openKeys } from "@realchat/presence-runtime/authentication";
import type { Tracer } from "@realchat/presence-runtime/tracer";
import { openTracing } from "@realchat/presence-runtime/tracing";
import { Audience } from "./audience/audience.ts";
import type { DirectoryListener } from "./audience/listener.ts";
import { importPath } from "./audience/live/import-endpoint.ts";
import { collectAtRest } from "./collect-at-rest.ts";
import { build, loadConfig } from "./config.ts";
import type { DeliveryConfig } from "./delivery-config.ts";
import { exposeParts, exposeReloading, exposeTracing, observeDots } from "./delivery-metrics.ts";
import { DeviceChanges } from "./feed/device-changes.ts";
import { type PresenceFeed, toEach } from "./feed/feed.ts";
import { KafkaFeed } from "./feed/kafka/kafka-feed.ts";
import { WatchFeed } from "./feed/watch-feed.ts";
import { noAuthentication } from "./gateway/authentication/no-authentication.ts";
import { TokenAuthenticator } from "./gateway/authentication/token-authenticator.ts";
import { ForeignOrigins } from "./gateway/foreign-origins.ts";
import { Gateway } from "./gateway/gateway.ts";
import { kafkaTopics } from "./kafka-topics.ts";
import { limitHeapGrowth } from "./limit-heap-growth.ts";
import { optimiseLater } from "./optimise-later.ts";
import { presenceLookup } from "./presence-lookup.ts";
import { DirectoryPolicies } from "./privacy/directory-policies.ts";
import { policyDirectoryOf } from "./privacy/policy-directory-of.ts";
import type { PolicyWriter } from "./privacy/sources/policy-writer.ts";
import { frameTraces } from "./push/frame-traces.ts";
import type { ObserveAge } from "./push/frame-writer.ts";
import { PresencePush } from "./push/presence-push.ts";
import { UserSelves } from "./self/user-selves.ts";
import { startupBanner } from "./startup-banner.ts";
import { keepSampleCast } from "./web/keep-sample-cast.ts";
import { webServer } from "./web/serve-web.ts";

/**
 * Puts the parts of the delivery service together, runs it, and takes it apart again. The only place that knows all.
 * The client of Kafka is loaded where settings ask for it: it takes longer to load than all else.
 */

await startOrExit("delivery", async () => {
  const start = loadConfig(process.argv.slice(2));
  if (start.kind === "print") process.stdout.write(start.text);
  else await run(start.settings);
});

async function run(settings: LiveSettings<DeliveryConfig>): Promise<void> {
  const { config } = settings;
  const log = createLog({ service: config.serviceName, instance: config.instanceId, ...config.log });
  for (const advice of config.advice) log.warn(advice);
  const onFailure = (error: Error) => log.warn({ err: error }, "spans could not be sent: they are dropped");
  const { instanceId } = config;
  const headers = () => settings.config.tracing?.headers ?? {};
  const tracing = config.tracing && (await openTracing({ ...config.tracing, headers, instanceId, onFailure, clock }));
  const { presence } = config;
  const currentTls = () => settings.config.presence.tls ?? {};
  const channels = new PresenceChannels({
    ...presence,
    currentTls,
    token: () => settings.config.presence.token,
    clock,
  });
  const audience = createAudience(settings, log);
  const policyWriter = await createPolicyWriter(settings);
  const policies = new DirectoryPolicies({
    ...{ rules: config.privacy, directory: policyDirectoryOf(audience.stored, clock), audience },
    ...{ writer: policyWriter, clock },
  });
  const feed = await createFeed(settings, channels, log);
  const tokens = await createVerifier(config, log);
  const deviceChanges = new DeviceChanges({ channels, clock });
  const statuses = new StatusKeeper({ channels, clock });
  const keeper = new SessionKeeper({
    channels,
    statuses,
    instanceId: config.instanceId,
    leases: config.leases,
    limits: { sessionsMax: config.limits.socketsMax },
    tracer: tracing?.tracer,
    clock,
  });
  const metrics = new Metrics();
  metrics.observeProcess();
  metrics.observeBuild("delivery", build);
  const lookup = presenceLookup(channels.api);
  const push = new PresencePush({
    directory: audience.directory,
    policies,
    lookup,
    clock,
    ...config.push,
    isFeedListening: () => feed.health().ready,
    floorOf: (shard, partition) => feed.floorOf(shard, partition),
    observeAge: dotObserver(metrics, tracing?.tracer),
    onDirectoryFailure: (error) => log.debug({ err: error }, "the directory did not answer; it is asked again"),
  });
  policies.onChange(push);
  const listener: DirectoryListener = {
    affected: (pairs) => push.affected(pairs),
    policiesChanged: (userIds) => policies.changed(userIds),
    recheckAll() {
      push.recheckAll();
      policies.recheckAll();
    },
  };
  const selves = new UserSelves({
    ...{ statuses, lookup, policies, clock },
    ...{ lookupMax: config.push.limits.lookupMax, usersMax: config.limits.socketsMax },
  });
  policies.onChange(selves);
  const foreignOrigins = new ForeignOrigins((origin) => {
    log.warn({ origin }, `pages of ${origin} may not open sockets here; if they are yours, add it to ORIGINS`);
  });
  const gateway = new Gateway({
    authenticator: tokens === undefined ? noAuthentication : new TokenAuthenticator(tokens, config.roles),
    sessions: keeper,
    push,
    selves,
    clock,
    turns: new LoopTurns(clock),
    handshake: config.handshake,
    limits: config.limits,
    liveness: config.liveness,
    tls: config.listen.tls,
    page: pageOf(config),
    onInternalError: (error) => log.error({ err: error }, "a socket could not be opened"),
    onForeignOrigin: (origin) => foreignOrigins.add(origin),
  });
  const reloading = new Reloading({
    ...{ settings, log, clock },
    async apply(next) {
      // A key set is read again by itself.
      if (next.tokens && next.tokens.keys.kind !== "jwks") tokens?.replaceKeys(await openTokenKeys(next.tokens, log));
      log.level = next.log.level;
      if (next.listen.tls) gateway.replaceTls(next.listen.tls);
    },
  });
  exposeReloading(metrics, () => reloading.metrics());
  if (tracing !== undefined) exposeTracing(metrics, () => tracing.metrics());
  exposeParts(metrics, {
    ...{ gateway, push, selves, keeper, statuses, channels, audience, feed, deviceChanges, policies },
    limits: config.limits,
  });
  let draining = false;
  const operations = new OperationsServer({
    service: config.serviceName,
    metrics,
    clock,
    isDraining: () => draining,
    checks: {
      audience: () => audience.health(),
      eviction: () => evictionHealth(audience.eviction),
      settings: () => settingsHealth(audience.settings),
      // Without presence or its events, sockets stay open and are told what is known: nobody is better off elsewhere.
      presence: () => ({ ...presenceHealth(channels), optional: true }),
      feed: () => ({ ...feed.health(), optional: true }),
    },
    orders: {
      [importPath]: audience.importEndpoint({ listener, isExposed: config.audience.isImportExposed }),
    },
  });

  await audience.start(listener);
  if (config.audience.hasSampleCast) keepSampleCast(audience.directory, (pairs) => push.affected(pairs), clock);
  await feed.start(toEach([push, selves]));
  deviceChanges.start((userId) => push.devicesChanged(userId));
  const socketsPort = await listenAt("HTTP_PORT", config.listen.sockets, (address) => gateway.listen(address));
  const operationsPort = await listenAt("HTTP_ADDR", config.listen.operations, (address) => operations.listen(address));
  const addresses = {
    sockets: showAddress({ ...config.listen.sockets, port: socketsPort }),
    operations: showAddress({ ...config.listen.operations, port: operationsPort }),
  };
  limitHeapGrowth();
  optimiseLater();
  collectAtRest();
  log.info(addresses, "delivery is up");
  // Not on stdout, which is the log's and may be JSON.
  if (config.log.format !== "json") process.stderr.write(startupBanner(config, addresses));

  drainOnSignal({
    log,
    clock,
    announce() {
      draining = true;
    },
    delayMs: config.drain.delayMs,
    deadlineMs: config.drain.timeoutMs,
    onHangUp: () => void reloading.reload(),
    steps: [
      {
        name: "close the sockets",
        run() {
          reloading.close();
          keeper.announceDrain();
          return gateway.drain(config.drain.spreadMs);
        },
      },
      // Those under the lease are handed over together; of others some may not have been told to presence yet.
      { name: "hand the sessions over", run: (remainingMs) => keeper.drain({ deadlineMs: remainingMs * 0.8 }) },
      {
        name: "close the rest",
        async run() {
          gateway.close();
          push.close();
          policyWriter?.close();
          selves.close();
          statuses.stop();
          await Promise.all([feed.stop(), deviceChanges.stop(), audience.stop(), channels.close()]);
        },
      },
      { name: "send the last spans", run: (remainingMs) => tracing?.close(remainingMs / 2) },
      { name: "close operations", run: () => operations.close() },
    ],
  });
}

function dotObserver(metrics: Metrics, tracer: Tracer | undefined): ObserveAge {
  const observe = observeDots(metrics);
  if (tracer === undefined) return observe;
  const trace = frameTraces(tracer);
  return (ageSeconds, dot) => {
    observe(ageSeconds);
    trace(dot);
  };
}

function createAudience(settings: LiveSettings<DeliveryConfig>, log: Log): Audience {
  const { audience, instanceId } = settings.config;
  const brokers = kafkaOf(settings);
  const kafka = brokers && { ...brokers, topics: kafkaTopics(brokers.topics), clientId: instanceId };
  const place = audience.redis;
  const redis = place && { ...place, current: () => settings.config.audience.redis ?? place };
  return new Audience({ ...audience, redis, kafka, clock, log });
}

async function createPolicyWriter(settings: LiveSettings<DeliveryConfig>): Promise<PolicyWriter | undefined> {
  const kafka = kafkaOf(settings);
  if (kafka === undefined) return undefined;
  const { PolicyWriter } = await import("./privacy/sources/policy-writer.ts");
  const topic = kafkaTopics(kafka.topics)["presence.privacy"];
  return new PolicyWriter({ kafka: { ...kafka, clientId: settings.config.instanceId }, topic, clock });
}

async function createFeed(
  settings: LiveSettings<DeliveryConfig>,
  channels: PresenceChannels,
  log: Log,
): Promise<PresenceFeed> {
  const { feed, instanceId, tracing } = settings.config;
  const kafka = kafkaOf(settings);
  if (feed === "kafka" && kafka !== undefined) {
    const { presenceFeed } = await import("@realchat/presence-client/kafka");
    const topic = kafkaTopics(kafka.topics)["presence.events.v1"];
    const records = presenceFeed({
      ...kafka,
      topic,
      clientId: instanceId,
      from: "now",
      traces: tracing !== undefined,
      clock,
    });
    return new KafkaFeed({ records, clock, log });
  }
  const onEnd = (error: unknown) => log.error({ err: error }, "presence refuses to be watched");
  return new WatchFeed({ channels, clock, onEnd });
}

/** How to get to Kafka, at any time. */
function kafkaOf(settings: LiveSettings<DeliveryConfig>) {
  const { kafka } = settings.config;
  return kafka && { ...kafka, current: () => settings.config.kafka ?? kafka };
}

async function createVerifier({ tokens }: DeliveryConfig, log: Log): Promise<JwtVerifier | undefined> {
  return tokens && new JwtVerifier({ ...tokens, keys: await openTokenKeys(tokens, log), clock });
}

function openTokenKeys({ keys }: JwtConfig, log: Log): Promise<Keys> {
  return openKeys(keys, clock, (error) => log.warn({ err: error }, "the key set cannot be read; the last one counts"));
}

function presenceHealth(channels: PresenceChannels): { ready: boolean; detail: string } {
  const { ready, channels: nodes } = channels.health();
  return { ready, detail: nodes.map(({ address, state, detail }) => `${address} ${state}: ${detail}`).join("; ") };
}

function pageOf({ servesPage, tokens }: DeliveryConfig): typeof notFound {
  if (!servesPage) return notFound;
  const serve = webServer({ asksForToken: tokens !== undefined });
  return (request, response) => void (serve(request, response) || notFound(request, response));
}

function notFound(_request: IncomingMessage, response: ServerResponse): void {
  const body = "sockets are at /ws\n";
  response.writeHead(404, {
    "content-type": "text/plain; charset=utf-8",
    "content-length": body.length,
    connection: "close",
  });
  response.end(body);
}
