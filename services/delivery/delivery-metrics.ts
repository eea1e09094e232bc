import type { Bound, ChannelMetrics, KeeperMetrics, StatusKeeperMetrics } from "@realchat/presence-client";
import type { Metrics, ReloadMetrics, Sample } from "@realchat/presence-runtime";
import type { TracingMetrics } from "@realchat/presence-runtime/tracing";
import type { DirectoryMetrics } from "./audience/directory.ts";
import type { PresenceFeed } from "./feed/feed.ts";
import type { GatewayMetrics } from "./gateway/gateway-metrics.ts";
import type { PolicyMetrics } from "./privacy/directory-policies.ts";
import type { Push, PushMetrics } from "./push/push.ts";
import type { SelvesMetrics } from "./self/self.ts";

/** Observes the age of dots, seconds. */
export function observeDots(metrics: Metrics): (ageSeconds: number) => void {
  const ages = metrics.histogram({
    name: "delivery_dot_age_seconds",
    help: "From a user's change to the moment when it was written to a socket.",
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60],
  });
  const slot = ages.slot({});
  return (ageSeconds) => ages.observe(slot, ageSeconds);
}

interface Parts {
  readonly gateway: { readonly metrics: GatewayMetrics };
  readonly push: Pick<Push, "metrics">;
  readonly selves: { readonly metrics: SelvesMetrics };
  readonly keeper: { metrics(): KeeperMetrics };
  readonly statuses: { metrics(): StatusKeeperMetrics };
  readonly channels: { metrics(): ChannelMetrics };
  readonly audience: {
    readonly directory: { metrics(): DirectoryMetrics };
    health(): { readonly ready: boolean };
    /** By topic. */
    topics(): ReadonlyMap<string, TopicMetrics>;
    /** By outcome. */
    listings(): Readonly<Record<string, number>>;
    bounds(): Readonly<Record<string, Bound>>;
  };
  readonly policies: { readonly metrics: PolicyMetrics };
  readonly feed: Pick<PresenceFeed, "health" | "metrics">;
  readonly deviceChanges: { readonly reported: number };
  readonly limits: { readonly socketsMax: number };
}

interface TopicMetrics {
  readonly records: number;
  readonly malformed: number;
  readonly unreadable: number;
  readonly held: number;
  readonly outOfRange: number;
  readonly failures: number;
}

/** Exposes what the parts count anyway; it is read when Prometheus scrapes. */
export function exposeParts(metrics: Metrics, parts: Parts): void {
  exposeGateway(metrics, parts);
  exposePush(metrics, parts);
  exposeFeed(metrics, parts);
  exposeSessions(metrics, parts);
  exposeStatuses(metrics, parts);
  exposeAudience(metrics, parts);
  exposePolicies(metrics, parts);
  exposeBounds(metrics, parts);
}

function exposeGateway(metrics: Metrics, { gateway, limits }: Parts): void {
  metrics.gauge({ name: "delivery_sockets", help: "Sockets open." }, () => gateway.metrics.sockets);
  metrics.gauge({ name: "delivery_sockets_limit", help: "Sockets that may be open." }, () => limits.socketsMax);
  metrics.total(
    { name: "delivery_sockets_opened_total", help: "Sockets that were opened." },
    () => gateway.metrics.opened,
  );
  metrics.total(
    {
      name: "delivery_sockets_closed_total",
      help: "Sockets that ended, by how: our close, the client's code, or lost.",
    },
    () => samples("close", gateway.metrics.closed),
  );
  metrics.total({ name: "delivery_handshakes_refused_total", help: "Sockets that were not opened, by reason." }, () =>
    samples("reason", gateway.metrics.refused),
  );
  metrics.total({ name: "delivery_messages_total", help: "Messages from clients, by kind." }, () =>
    samples("kind", gateway.metrics.messages),
  );
}

function exposePush(metrics: Metrics, { push }: Parts): void {
  const total = (name: string, help: string, read: (values: PushMetrics) => number) =>
    metrics.total({ name: `delivery_${name}_total`, help }, () => read(push.metrics));
  const gauge = (name: string, help: string, read: (values: PushMetrics) => number) =>
    metrics.gauge({ name: `delivery_${name}`, help }, () => read(push.metrics));
  total("frames", "Frames written to sockets.", ({ frames }) => frames);
  total("frames_built", "Frames made; equal ones are made once.", ({ framesBuilt }) => framesBuilt);
  total("frame_bytes", "Bytes of these frames.", ({ bytes }) => bytes);
  total("dots", "Users' states told to sockets.", ({ dots }) => dots);
  total("hidden", "Users whom a socket was told that it may not see.", ({ hidden }) => hidden);
  total("sockets_slow", "Sockets closed because they did not take what was written.", ({ closedSlow }) => closedSlow);
  total("directory_failures", "Questions that the directory did not answer; they are asked again.", (values) => {
    return values.directoryFailures;
  });
  total("lookups", "Users looked up at presence for sockets.", ({ lookups }) => lookups.asked);
  total("lookup_failures", "Look-ups that presence did not answer; they are repeated.", (values) => {
    return values.lookups.failures + values.reconciliation.failures;
  });
  total("lookups_refused", "Users of whom presence could not tell; what is known of them stays.", (values) => {
    return values.lookups.refused + values.reconciliation.refused;
  });
  total("reconciled", "Users looked up to find what the feed did not tell.", (values) => values.reconciliation.asked);
  total("reconciliations", "Times that everyone suspected was looked up, after a gap or a reset.", (values) => {
    return values.reconciliation.passes;
  });
  gauge(
    "recovering_users",
    "Users of whom a presence that recovers from a loss cannot tell; what is known stays.",
    (values) => {
      return values.reconciliation.doubted;
    },
  );
  gauge("stale", "1 while sockets are told that dots may not be current.", ({ isStale }) => Number(isStale));
  total("stale_times", "Times that sockets began to be told so.", ({ staleEpisodes }) => staleEpisodes);
  gauge("watched_users", "Users whom a socket here watches.", ({ watchedUsers }) => watchedUsers);
  gauge("interests", "Pairs of a socket and a user it watches.", ({ interests }) => interests);
  gauge("interests_limit", "Pairs that the open sockets may have.", ({ interestsMax }) => interestsMax);
  gauge("sockets_busy", "Sockets with something to write or being written.", ({ busySockets }) => busySockets);
  gauge(
    "doubts",
    "Users not shown to somebody until the directory says whether they may be.",
    ({ unverified }) => unverified,
  );
  gauge("lookups_waiting", "Users waiting to be looked up.", ({ lookups, reconciliation }) => {
    return lookups.waiting + reconciliation.waiting + reconciliation.queued;
  });
  gauge("questions", "Questions to the directory, under way or waiting.", ({ directoryQueries }) => directoryQueries);
}

function exposeFeed(metrics: Metrics, { feed, deviceChanges, push }: Parts): void {
  metrics.total(
    { name: "delivery_device_changes_total", help: "Users of whom another device came or went, as presence tells." },
    () => deviceChanges.reported,
  );
  metrics.gauge({ name: "delivery_feed_ready", help: "1 while changes are heard of." }, () =>
    Number(feed.health().ready),
  );
  metrics.total({ name: "delivery_feed_updates_total", help: "Changes that the feed told." }, () => {
    return push.metrics.feedUpdates;
  });
  metrics.total({ name: "delivery_feed_records_total", help: "What the feed heard, by what it was worth." }, () =>
    samples("outcome", feed.metrics().records),
  );
  metrics.total(
    { name: "delivery_feed_faults_total", help: "Gaps in what was heard, data that presence lost, sources lost." },
    () => samples("fault", feed.metrics().faults),
  );
  metrics.gauge({ name: "delivery_feed_floors", help: "Versions that resets told, by shard and partition." }, () => {
    return feed.metrics().floors;
  });
  metrics.gauge({ name: "delivery_feed_users", help: "Users whose version is remembered." }, () => {
    return feed.metrics().usersRemembered;
  });
}

function exposeSessions(metrics: Metrics, { keeper, channels }: Parts): void {
  metrics.gauge({ name: "delivery_sessions", help: "Sessions kept at presence, by state." }, () =>
    samples("state", keeper.metrics().sessions),
  );
  const total = (name: string, help: string, read: (values: KeeperMetrics) => number) =>
    metrics.total({ name: `delivery_${name}_total`, help }, () => read(keeper.metrics()));
  total("registrations", "Sessions registered, again ones included.", ({ registrations }) => registrations);
  total("returns", "Sessions that presence had lost and has again.", ({ returns }) => returns);
  total("unregistrations", "Sessions that presence was told the end of.", ({ unregistrations }) => unregistrations);
  total(
    "session_call_failures",
    "Calls about sessions that failed; they are repeated.",
    ({ callFailures }) => callFailures,
  );
  total(
    "closings_dropped",
    "Ends that presence was not told; it finds out by itself.",
    ({ closingsDropped }) => closingsDropped,
  );
  total(
    "heartbeats_unconfirmed",
    "Heartbeats of sessions that presence could not answer; they are repeated.",
    ({ unconfirmed }) => unconfirmed,
  );
  const gauge = (name: string, help: string, read: (lease: KeeperMetrics["lease"]) => number) =>
    metrics.gauge({ name: `delivery_${name}`, help }, () => read(keeper.metrics().lease));
  metrics.gauge({ name: "delivery_lease", help: "1 at the state of this gateway's lease." }, () =>
    samples("state", { [keeper.metrics().lease.state]: 1 }),
  );
  gauge("leased_sessions", "Sessions kept by the lease; the others have heartbeats of their own.", ({ sessions }) => {
    return sessions;
  });
  gauge(
    "verifications_waiting",
    "Sessions that are still to be verified, as some may be lost.",
    ({ doubted }) => doubted,
  );
  total("lease_opens", "Times that the lease was opened; all but the first: it was lost.", ({ lease }) => lease.opens);
  total("lease_failures", "Calls about the lease that failed; they are repeated.", ({ lease }) => lease.failures);
  total("lease_closures", "Times that somebody else closed the lease; there is another one.", ({ lease }) => {
    return lease.closures;
  });
  total("verifications", "Verifications that presence confirmed, each session counted.", ({ lease }) => lease.verified);
  total("verification_passes", "Times that all sessions had to be verified.", ({ lease }) => lease.passes);
  total("presence_outages", "Times that presence could not be reached.", ({ outages }) => outages);
  metrics.gauge({ name: "delivery_presence_reachable", help: "1 while presence can be reached." }, () =>
    Number(keeper.metrics().reachable),
  );
  metrics.gauge(
    { name: "delivery_session_calls_waiting", help: "Registrations and ends that wait for their turn." },
    () => {
      return keeper.metrics().callsWaiting;
    },
  );
  metrics.gauge({ name: "delivery_presence_nodes", help: "Presence nodes, by how they are." }, () =>
    samples("state", channels.metrics().channels),
  );
  metrics.total({ name: "delivery_presence_calls_total", help: "Calls to presence." }, () => channels.metrics().calls);
  metrics.total({ name: "delivery_presence_call_failures_total", help: "Calls that failed." }, () => {
    return channels.metrics().failures;
  });
}

function exposeStatuses(metrics: Metrics, { selves, keeper, statuses }: Parts): void {
  metrics.total(
    { name: "delivery_self_frames_total", help: "Frames that told sockets of their own user." },
    () => selves.metrics.told,
  );
  metrics.total(
    { name: "delivery_self_refused_total", help: "Messages about oneself that were refused, by type." },
    () => samples("what", selves.metrics.refusals),
  );
  metrics.total({ name: "delivery_statuses_total", help: "Statuses that users set, by what came of it." }, () => {
    const { set, cleared, failures: failed, saidAgain, sayAgainFailures, forgotten } = statuses.metrics();
    const again = { said_again: saidAgain, said_again_in_vain: sayAgainFailures, forgotten };
    return samples("outcome", { set, cleared, failed, ...again });
  });
  metrics.total(
    { name: "delivery_activities_total", help: "Times that presence was told whether a device is used, by outcome." },
    () => {
      const { activitiesTold: told, activityFailures: failed } = keeper.metrics();
      return samples("outcome", { told, failed });
    },
  );
}

function exposeAudience(metrics: Metrics, { audience }: Parts): void {
  const { directory } = audience;
  const byOperation = (read: (values: { count: number; failed: number; totalMs: number }) => number) => () =>
    Object.entries(directory.metrics().operations).map(([operation, values]) => ({
      labels: { operation },
      value: read(values),
    }));
  metrics.gauge({ name: "delivery_directory_ready", help: "1 while the directory is whole and answers." }, () => {
    return Number(audience.health().ready);
  });
  metrics.gauge({ name: "delivery_directory_relations", help: "Relations that the directory remembers." }, () => {
    return directory.metrics().relations;
  });
  metrics.gauge(
    { name: "delivery_directory_may_evict", help: "1 while Redis may drop relations, by its maxmemory-policy." },
    () => Number(directory.metrics().eviction !== undefined),
  );
  metrics.gauge(
    { name: "delivery_directory_risky_settings", help: "Settings of Redis that make a failure worse than it need be." },
    () => directory.metrics().settings.risks.length,
  );
  metrics.total(
    {
      name: "delivery_directory_connections_lost_total",
      help: "Connections to the directory's Redis that were lost: closed, silent, or what it replied.",
    },
    () => samples("reason", directory.metrics().connectionsLost),
  );
  metrics.total(
    { name: "delivery_directory_unreadable_total", help: "Times that a key of the directory held something else." },
    () => directory.metrics().unreadable,
  );
  metrics.total(
    { name: "delivery_directory_operations_total", help: "Operations that the directory was asked for." },
    byOperation(({ count }) => count),
  );
  metrics.total(
    { name: "delivery_directory_operation_failures_total", help: "Operations that the directory did not answer." },
    byOperation(({ failed }) => failed),
  );
  metrics.total(
    { name: "delivery_directory_operation_seconds_total", help: "Time that operations took together." },
    byOperation(({ totalMs }) => totalMs / 1000),
  );
  metrics.total({ name: "delivery_audience_records_total", help: "Records read that tell who may see whom." }, () =>
    [...audience.topics()].map(([topic, { records }]) => ({ labels: { topic }, value: records })),
  );
  metrics.total(
    {
      name: "delivery_audience_faults_total",
      help: "Records malformed or gone before they were read, batches of them unreadable, and failed reads.",
    },
    () =>
      [...audience.topics()].flatMap(([topic, { malformed, unreadable, outOfRange: gone, failures: failed }]) =>
        samples("fault", { malformed, unreadable, gone, failed }).map(({ labels, value }) => ({
          labels: { topic, ...labels },
          value,
        })),
      ),
  );
  metrics.gauge(
    {
      name: "delivery_audience_held_partitions",
      help: "Partitions of which something cannot be read now, because a transaction is open.",
    },
    () => [...audience.topics()].map(([topic, { held }]) => ({ labels: { topic }, value: held })),
  );
  metrics.total(
    { name: "delivery_conversation_listings_total", help: "Users' conversations asked for, by what came of it." },
    () => samples("outcome", audience.listings()),
  );
}

function exposePolicies(metrics: Metrics, { policies }: Parts): void {
  metrics.total(
    { name: "delivery_policy_changes_total", help: "Policies that users asked to change, by what came of it." },
    () => samples("outcome", policies.metrics.changes),
  );
}

/** How full each queue, buffer and cache is that has a limit of its own. */
function exposeBounds(metrics: Metrics, { gateway, selves, keeper, statuses, audience, policies }: Parts): void {
  const bounds = (read: (bound: Bound) => number) => () => {
    const all = {
      ...{ ...gateway.metrics.bounds, ...selves.metrics.bounds },
      ...{ ...keeper.metrics().bounds, ...statuses.metrics().bounds },
      ...{ ...audience.bounds(), ...policies.metrics.bounds },
    };
    return Object.entries(all).map(([bound, values]) => ({ labels: { bound }, value: read(values) }));
  };
  metrics.gauge(
    { name: "delivery_bound_used", help: "How full each bounded queue, buffer and cache is." },
    bounds(({ used }) => used),
  );
  metrics.gauge(
    { name: "delivery_bound_limit", help: "Where each of them is full." },
    bounds(({ limit }) => limit),
  );
}

/** What became of spans. */
export function exposeTracing(metrics: Metrics, read: () => TracingMetrics): void {
  metrics.total(
    { name: "delivery_spans_total", help: "Spans recorded, and those of them sent, or not for a fault." },
    () => samples("outcome", read().spans),
  );
}

/** What became of settings that were read again. */
export function exposeReloading(metrics: Metrics, read: () => ReloadMetrics): void {
  metrics.total({ name: "delivery_reloads_total", help: "Changes of files that were taken over, or refused." }, () => {
    const { applied, refused } = read();
    return samples("outcome", { applied, refused });
  });
  metrics.gauge(
    { name: "delivery_reload_refused", help: "1 while what the files say is refused: a start would fail." },
    () => Number(read().isRefused),
  );
}

function samples(label: string, values: Readonly<Record<string, number | undefined>>): Sample[] {
  return Object.entries(values).map(([name, value = 0]) => ({ labels: { [label]: name }, value }));
}
