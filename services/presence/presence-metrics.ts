import type { CallObserver, RpcCode, RpcServerMetrics } from "@realchat/presence-rpc";
import type { Metrics, ReloadMetrics, Sample } from "@realchat/presence-runtime";
import type { TracingMetrics } from "@realchat/presence-runtime/tracing";
import type { AccessMetrics } from "./callers/api-access.ts";
import { type BeginReason, beginReasons } from "./domain/recovery.ts";
import { type Transition, transitionCauses } from "./domain/transition.ts";
import type { EventPublisher } from "./events/publisher.ts";
import type { CutOff } from "./shards/cut-off.ts";
import type { ShardWork } from "./shards/shard-work.ts";
import type { PresenceStore, Tick } from "./store/store.ts";
import type { WatchHub } from "./watch/watch-hub.ts";

const latencyBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const keptOutcomes = ["delivered", "lost"] as const;

/** Counts calls by method and code. */
export function observeCalls(metrics: Metrics): CallObserver {
  const counts = metrics.counter({
    name: "presence_rpc_total",
    help: "Calls answered, by method and gRPC code.",
    labels: ["method", "code"],
  });
  const durations = metrics.histogram({
    name: "presence_rpc_duration_seconds",
    help: "Time from a call's arrival to its status; streams last as long as they are watched.",
    labels: ["method"],
    buckets: latencyBuckets,
  });
  const countSlots = new Map<string, Map<RpcCode, number>>();
  const durationSlots = new Map<string, number>();
  return {
    finished(method, code, durationMs) {
      let codes = countSlots.get(method);
      if (codes === undefined) {
        codes = new Map();
        countSlots.set(method, codes);
        durationSlots.set(method, durations.slot({ method }));
      }
      let slot = codes.get(code);
      if (slot === undefined) {
        slot = counts.slot({ method, code });
        codes.set(code, slot);
      }
      counts.add(slot);
      durations.observe(durationSlots.get(method) ?? 0, durationMs / 1000);
    },
  };
}

/** Counts transitions by cause, each on the node that publishes it, so that the nodes' counts add up. */
export function observeTransitions(metrics: Metrics): (transition: Transition, isPublishedHere: boolean) => void {
  const counts = metrics.counter({
    name: "presence_transitions_total",
    help: "Users who came online, went offline or got another status, by cause; counted by the node that publishes their shard.",
    labels: ["cause"],
  });
  const slots = new Map(transitionCauses.map((cause) => [cause, counts.slot({ cause })]));
  return (transition, isPublishedHere) => {
    const slot = slots.get(transition.cause);
    if (isPublishedHere && slot !== undefined) counts.add(slot);
  };
}

/** Metrics that the parts keep anyway, read when Prometheus asks. */
export function exposeParts(
  metrics: Metrics,
  parts: {
    readonly store: PresenceStore;
    readonly work: ShardWork;
    readonly cutOff: CutOff;
    readonly watches: WatchHub;
    readonly publishers: readonly EventPublisher[];
    /** Entries that the log of all shards holds at most. */
    readonly logMaxEntries: number;
  },
): void {
  const { store, work, cutOff, watches, publishers, logMaxEntries } = parts;
  const ticks = (read: (tick: Tick) => number) => work.metrics().ticks.map(read);
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  const byPublisher = (read: (publisher: EventPublisher) => number) => () =>
    publishers.map((publisher) => ({ labels: { publisher: publisher.name }, value: read(publisher) }));
  const byOperation = (read: (operation: { count: number; failed: number; totalMs: number }) => number) => () =>
    Object.entries(store.metrics().operations).map(([name, operation]) => ({
      labels: { operation: name },
      value: read(operation),
    }));

  metrics.gauge({ name: "presence_sessions", help: "Sessions live or in grace, in the whole store." }, () =>
    sum(ticks(({ sessions }) => sessions)),
  );
  metrics.gauge({ name: "presence_leased_sessions", help: "Of these sessions, those under a gateway's lease." }, () =>
    sum(ticks(({ leased }) => leased)),
  );
  metrics.gauge({ name: "presence_leases", help: "Leases of gateways that are open, lost or closed." }, () =>
    Math.max(0, ...ticks(({ leases }) => leases)),
  );
  metrics.gauge(
    {
      name: "presence_blocks",
      help: "Users, devices and connections that an operator closed, and that may not register.",
    },
    () => sum(ticks(({ blocks }) => blocks)),
  );
  metrics.gauge(
    { name: "presence_users_claimed", help: "Users of whom something is claimed, in the whole store." },
    () => sum(ticks(({ claimed }) => claimed)),
  );
  metrics.gauge({ name: "presence_users_online", help: "Users online, in the whole store." }, () =>
    sum(ticks(({ usersOnline }) => usersOnline)),
  );
  metrics.total({ name: "presence_expired_total", help: "Sessions and graces that this node took down." }, () => {
    return work.metrics().expired;
  });
  metrics.total(
    {
      name: "presence_expiries_failed_total",
      help: "Due sessions that could not be taken down; tried again a TTL later.",
    },
    () => work.metrics().expiriesFailed,
  );
  metrics.total(
    {
      name: "presence_deadlines_mended_total",
      help: "Sessions that got a deadline they lacked, deadlines dropped without a session, and shards recounted.",
    },
    () => Object.entries(work.metrics().mended).map(([how, value]) => ({ labels: { how }, value })),
  );
  metrics.total({ name: "presence_ticks_failed_total", help: "Ticks that the store did not answer." }, () => {
    return work.metrics().ticksFailed;
  });
  metrics.gauge(
    { name: "presence_expiry_lag_seconds", help: "How long the oldest deadline was overdue at the last tick." },
    () => Math.max(0, ...ticks(({ lagMs }) => lagMs)) / 1000,
  );
  metrics.gauge({ name: "presence_log_length", help: "Entries that the longest shard's log holds." }, () =>
    Math.max(0, ...ticks(({ logLength }) => logLength)),
  );
  metrics.gauge({ name: "presence_log_limit", help: "Entries that a shard's log holds at most." }, () =>
    Math.ceil(logMaxEntries / store.shardCount),
  );
  metrics.total(
    { name: "presence_log_overflows_total", help: "Times that a log was cut off before it was published." },
    () => work.metrics().publishing.overflows,
  );
  metrics.gauge(
    { name: "presence_restating_shards", help: "Shards of which this node has to say again who is online." },
    () => work.metrics().restating.shards,
  );
  metrics.total(
    { name: "presence_restated_users_total", help: "Users whom this node said again to be online." },
    () => work.metrics().restating.users,
  );
  metrics.gauge({ name: "presence_shards", help: "Shards that the store has." }, () => store.shardCount);
  metrics.gauge({ name: "presence_shards_held", help: "Shards that this node publishes." }, () => {
    return work.metrics().publishing.shardsHeld;
  });
  metrics.gauge(
    { name: "presence_publisher_lag_seconds", help: "Age of the oldest transition that this node has yet to send." },
    byPublisher(({ name }) => (work.metrics().publishing.lagMs[name] ?? 0) / 1000),
  );
  metrics.total(
    { name: "presence_publisher_transitions_total", help: "Transitions that the publisher accepted." },
    byPublisher((publisher) => publisher.metrics().transitions),
  );
  metrics.total(
    { name: "presence_publisher_failures_total", help: "Sends that the publisher rejected; they are repeated." },
    byPublisher((publisher) => publisher.metrics().failures),
  );
  metrics.gauge(
    { name: "presence_publisher_ready", help: "1 while the publisher is connected." },
    byPublisher((publisher) => Number(publisher.health().ready)),
  );
  metrics.gauge({ name: "presence_store_ready", help: "1 while the store answers." }, () =>
    Number(store.health().ready),
  );
  metrics.gauge({ name: "presence_cut_off", help: "1 while no tick of any shard has worked for 5 s." }, () =>
    Number(cutOff.isCutOff),
  );
  metrics.gauge({ name: "presence_store_full", help: "1 while the store has no memory for new sessions." }, () =>
    Number(store.health().full !== undefined),
  );
  metrics.total(
    {
      name: "presence_heartbeats_kept_total",
      help: "Heartbeats that the store did not confirm: delivered by later ticks, or lost.",
    },
    () => keptOutcomes.map((how) => ({ labels: { how }, value: store.metrics().heartbeats[how] })),
  );
  metrics.total(
    {
      name: "presence_ticks_withheld_total",
      help: "Ticks that did not advance a clock, since heartbeats were waiting for the store.",
    },
    () => store.metrics().heartbeats.withheld,
  );
  metrics.gauge(
    { name: "presence_store_may_evict", help: "1 while Redis may drop what presence keeps, by its maxmemory-policy." },
    () => Number(store.health().eviction !== undefined),
  );
  metrics.gauge(
    { name: "presence_store_risky_settings", help: "Settings of Redis that make a failure worse than it need be." },
    () => store.health().settings.risks.length,
  );
  metrics.gauge({ name: "presence_shards_failing", help: "Shards whose last tick the store refused." }, () => {
    return store.metrics().failingShards;
  });
  metrics.total(
    {
      name: "presence_store_connections_lost_total",
      help: "Connections to Redis that were lost: closed, silent, or what it replied.",
    },
    () => Object.entries(store.metrics().connectionsLost).map(([reason, value]) => ({ labels: { reason }, value })),
  );
  metrics.total(
    {
      name: "presence_store_begins_total",
      help: "Times that a shard began anew by a tick of this node, since data may have been lost, by reason.",
    },
    () => {
      const begins = store.metrics().begins;
      return Object.keys(beginReasons).map((reason) => ({
        labels: { reason },
        value: begins[reason as BeginReason] ?? 0,
      }));
    },
  );
  metrics.gauge(
    { name: "presence_recovering_shards", help: "Shards that recover: who reads offline may be online." },
    () => sum(ticks(({ recoveringMs }) => Number(recoveringMs > 0))),
  );
  metrics.total(
    { name: "presence_store_operations_total", help: "Operations that the store was asked for." },
    byOperation(({ count }) => count),
  );
  metrics.total(
    { name: "presence_store_operation_failures_total", help: "Operations that the store did not answer." },
    byOperation(({ failed }) => failed),
  );
  metrics.total(
    { name: "presence_store_operation_seconds_total", help: "Time that operations took together." },
    byOperation(({ totalMs }) => totalMs / 1000),
  );
  metrics.total(
    {
      name: "presence_unreadable_total",
      help: "Times that a user's record, or an entry of a log, was met that somebody else wrote.",
    },
    () => Object.entries(store.metrics().unreadable).map(([what, value]) => ({ labels: { what }, value })),
  );
  metrics.gauge(
    { name: "presence_watchers", help: "WatchPresence, WatchDevices and WatchLease streams open on this node." },
    () => watches.size,
  );
  metrics.total(
    {
      name: "presence_lease_notices_total",
      help: "What gateways were told of sessions under their leases: that one was superseded, or to verify all.",
    },
    () => Object.entries(watches.leaseNews).map(([notice, value]) => ({ labels: { notice }, value })),
  );
  metrics.gauge({ name: "presence_bound_used", help: "How full each bounded queue, cache and buffer is." }, () =>
    boundSamples(({ used }) => used),
  );
  metrics.gauge({ name: "presence_bound_limit", help: "Where each bounded queue, cache and buffer is full." }, () =>
    boundSamples(({ limit }) => limit),
  );

  function boundSamples(read: (bound: { used: number; limit: number }) => number): Sample[] {
    const bounds = { ...store.metrics().bounds, watchers: { used: watches.size, limit: watches.limit } };
    const ofPublishers = publishers.flatMap((publisher) =>
      Object.entries(publisher.metrics().bounds).map(([name, bound]) => [`${publisher.name}_${name}`, bound] as const),
    );
    return [...Object.entries(bounds), ...ofPublishers].map(([bound, metrics]) => ({
      labels: { bound },
      value: read(metrics),
    }));
  }
}

/** Who calls, by name. @param read undefined: nobody is asked who it is */
export function exposeCallers(metrics: Metrics, read: () => AccessMetrics | undefined): void {
  const accounts = () => [...(read()?.accounts ?? [])];
  metrics.total(
    {
      name: "presence_caller_calls_total",
      help: "Calls by caller: admitted, denied for want of a scope, exhausted by a quota.",
    },
    () =>
      accounts().flatMap(({ name, counts }) =>
        Object.entries(counts).map(([outcome, value]) => ({ labels: { caller: name, outcome }, value })),
      ),
  );
  metrics.gauge({ name: "presence_caller_streams", help: "Streams that are open, by caller." }, () =>
    accounts().map(({ name, streams }) => ({ labels: { caller: name }, value: streams })),
  );
  metrics.total(
    { name: "presence_unauthenticated_calls_total", help: "Calls of which nobody knows who made them." },
    () => read()?.unauthenticated ?? 0,
  );
}

/** What the RPC server counts below the calls: connections, streams, and what it refused to take. */
export function exposeServer(metrics: Metrics, read: () => RpcServerMetrics): void {
  metrics.gauge({ name: "presence_rpc_connections", help: "Connections of callers that are open." }, () => {
    return read().connections;
  });
  metrics.total({ name: "presence_rpc_connections_total", help: "Connections that were accepted." }, () => {
    return read().connectionsTotal;
  });
  metrics.gauge({ name: "presence_rpc_streams", help: "Calls that are open, or whose handlers still run." }, () => {
    return read().streams;
  });
  metrics.total({ name: "presence_rpc_read_bytes_total", help: "Bytes that callers sent." }, () => read().bytesRead);
  metrics.total({ name: "presence_rpc_written_bytes_total", help: "Bytes sent to callers." }, () => {
    return read().bytesWritten;
  });
  metrics.total({ name: "presence_rpc_resets_received_total", help: "Calls that callers reset." }, () => {
    return read().resetsReceived;
  });
  metrics.total({ name: "presence_rpc_resets_sent_total", help: "Calls that this node reset, by HTTP/2 code." }, () =>
    Object.entries(read().resetsSent).map(([code, value]) => ({ labels: { code }, value })),
  );
  metrics.total({ name: "presence_rpc_limits_hit_total", help: "Limits that callers ran into, by name." }, () =>
    Object.entries(read().limitsHit).map(([limit, value]) => ({ labels: { limit }, value })),
  );
}

/** What became of spans. */
export function exposeTracing(metrics: Metrics, read: () => TracingMetrics): void {
  metrics.total(
    { name: "presence_spans_total", help: "Spans recorded, and those of them sent, or not for a fault." },
    () => Object.entries(read().spans).map(([outcome, value]) => ({ labels: { outcome }, value })),
  );
}

/** What became of settings that were read again. */
export function exposeReloading(metrics: Metrics, read: () => ReloadMetrics): void {
  metrics.total({ name: "presence_reloads_total", help: "Changes of files that were taken over, or refused." }, () => {
    const { applied, refused } = read();
    return Object.entries({ applied, refused }).map(([outcome, value]) => ({ labels: { outcome }, value }));
  });
  metrics.gauge(
    { name: "presence_reload_refused", help: "1 while what the files say is refused: a start would fail." },
    () => Number(read().isRefused),
  );
}
