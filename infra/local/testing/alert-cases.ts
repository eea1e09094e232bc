/** What an alert has to say of a course of events. */
export interface AlertCase {
  readonly alert: string;
  /** What happens, in words. */
  readonly when: string;
  /** By series; each in promtool's notation: `1x12` is 1 and twelve times the same, `0+5x12` grows by 5, every 5 s. */
  readonly series: Readonly<Record<string, string>>;
  /** When it is asked. */
  readonly at: string;
  readonly fires: boolean;
}

/** Of a gauge, for twenty minutes. */
const always = (value: number) => `${value}x240`;
/** Of a gauge, for ten minutes; then another value. */
const turns = (before: number, after: number) => `${before}x119 ${after}x120`;
/** Of a counter. */
const perSecond = (rate: number) => `0+${rate * 5}x240`;
/** Of a counter, after two minutes. */
const once = (count: number) => `0x24 ${count}x215`;

const up = (job: string, instance: string) => `up{job="${job}",instance="${instance}"}`;
const ofNode = (metric: string, labels = "") => `${metric}{job="presence",instance="a"${labels && `,${labels}`}}`;
const ofGateway = (metric: string, labels = "") => `${metric}{job="delivery",instance="a"${labels && `,${labels}`}}`;
const calls = (code: string, method = "GetPresence") =>
  ofNode("presence_rpc_total", `code="${code}",method="/realchat.presence.v1.PresenceApi/${method}"`);

/** The two buckets around a limit, of a histogram with so many observations a second within it and beyond. */
function buckets(bucket: (le: string) => string, within: number, beyond: number): Record<string, string> {
  return {
    [bucket("0.25")]: perSecond(within),
    [bucket("2")]: perSecond(within + beyond),
    [bucket("+Inf")]: perSecond(within + beyond),
  };
}
const heartbeats = (le: string) =>
  ofNode(
    "presence_rpc_duration_seconds_bucket",
    `method="/realchat.presence.v1.PresenceApi/RefreshSessions",le="${le}"`,
  );
const dots = (le: string) => ofGateway("delivery_dot_age_seconds_bucket", `le="${le}"`);

function fires(alert: string, when: string, at: string, series: AlertCase["series"]): AlertCase {
  return { alert, when, series, at, fires: true };
}
function isQuiet(alert: string, when: string, at: string, series: AlertCase["series"]): AlertCase {
  return { alert, when, series, at, fires: false };
}

/** Both services: all of its processes, one of them. */
const vanishing = [
  ["presence", "PresenceAllNodesDown", "PresenceNodeDown"],
  ["delivery", "DeliveryAllGatewaysDown", "DeliveryGatewayDown"],
].flatMap(([job = "", all = "", one = ""]) => [
  fires(one, "one does not answer", "1m", { [up(job, "a")]: always(0), [up(job, "b")]: always(1) }),
  isQuiet(one, "one is scraped in vain once", "1m", { [up(job, "a")]: "1x10 0 1x200" }),
  isQuiet(all, "one of two does not answer", "1m", { [up(job, "a")]: always(0), [up(job, "b")]: always(1) }),
  isQuiet(all, "one of two is no target any more", "9m", { [up(job, "a")]: "1x12 stale", [up(job, "b")]: always(1) }),
  fires(all, "none answers", "1m", { [up(job, "a")]: always(0), [up(job, "b")]: always(0) }),
  fires(all, "all targets vanish", "2m", { [up(job, "a")]: "1x12 stale", [up(job, "b")]: "1x12 stale" }),
  fires(all, "one vanishes, the other does not answer", "2m", {
    [up(job, "a")]: "1x12 stale",
    [up(job, "b")]: always(0),
  }),
  fires(all, "there never was a target", "1m", { [up("another", "a")]: always(1) }),
]);

/** Every rule has one that makes it fire; a test says so. */
export const alertCases: readonly AlertCase[] = [
  ...vanishing,
  fires("PresenceStoreUnreachable", "one node has no Redis", "1m", { [ofNode("presence_store_ready")]: always(0) }),
  isQuiet("PresenceStoreUnreachable", "Redis is away for 10 s", "1m", {
    [ofNode("presence_store_ready")]: "1x9 0x1 1x200",
  }),

  fires("PresenceCallsFailing", "2 of 100 calls fail, 100 a second", "5m", {
    [calls("OK")]: perSecond(98),
    [calls("UNAVAILABLE")]: perSecond(2),
  }),
  fires("PresenceCallsFailing", "every call fails, one a second", "5m", { [calls("UNAVAILABLE")]: perSecond(1) }),
  isQuiet("PresenceCallsFailing", "5 of 5 calls fail", "4m", { [calls("INTERNAL")]: once(5) }),
  isQuiet("PresenceCallsFailing", "a node without traffic is asked six times a minute, half of it fails", "8m", {
    [calls("OK")]: perSecond(0.05),
    [calls("UNAVAILABLE")]: perSecond(0.05),
  }),
  isQuiet("PresenceCallsFailing", "nobody calls", "8m", { [calls("OK")]: always(7), [calls("INTERNAL")]: always(7) }),
  isQuiet("PresenceCallsFailing", "sessions end as they do", "8m", {
    [calls("OK")]: perSecond(50),
    [calls("NOT_FOUND", "RefreshSession")]: perSecond(50),
  }),
  isQuiet("PresenceCallsFailing", "5 of 1,000 fail", "8m", {
    [calls("OK")]: perSecond(995),
    [calls("UNAVAILABLE")]: perSecond(5),
  }),

  fires("PresenceCallersUnknown", "a gateway tries with a token that was withdrawn", "12m", {
    [ofNode("presence_unauthenticated_calls_total")]: perSecond(0.25),
  }),
  fires("PresenceCallersUnknown", "each of two nodes gets half of it", "12m", {
    'presence_unauthenticated_calls_total{job="presence",instance="a"}': perSecond(0.15),
    'presence_unauthenticated_calls_total{job="presence",instance="b"}': perSecond(0.15),
  }),
  isQuiet("PresenceCallersUnknown", "somebody tries 40 times", "12m", {
    [ofNode("presence_unauthenticated_calls_total")]: once(40),
  }),
  isQuiet("PresenceCallersUnknown", "a job of every minute has an old token", "12m", {
    [ofNode("presence_unauthenticated_calls_total")]: perSecond(1 / 60),
  }),
  isQuiet("PresenceCallersUnknown", "a token is replaced, and one gateway gets it two minutes late", "12m", {
    [ofNode("presence_unauthenticated_calls_total")]: "0x48 0+1.25x24 30x168",
  }),

  fires("PresenceHeartbeatsSlow", "2 of 100 are slow", "15m", buckets(heartbeats, 98, 2)),
  isQuiet("PresenceHeartbeatsSlow", "1 of 1,000 is slow", "15m", buckets(heartbeats, 999, 1)),
  isQuiet("PresenceHeartbeatsSlow", "a slow one every 20 s, and nothing else", "15m", buckets(heartbeats, 0, 0.05)),

  fires("PresenceUsersVanished", "1,000 become 400", "12m", { [ofNode("presence_users_online")]: turns(1_000, 400) }),
  isQuiet("PresenceUsersVanished", "80 become 10", "12m", { [ofNode("presence_users_online")]: turns(80, 10) }),
  isQuiet("PresenceUsersVanished", "the only node starts again, and knows of nobody at first", "10m5s", {
    [ofNode("presence_users_online")]: "1000x119 0x2 1000x100",
  }),

  fires("PresenceSessionsExpiring", "100 a second of 10,000", "5m", {
    [ofNode("presence_expired_total")]: perSecond(100),
    [ofNode("presence_sessions")]: always(10_000),
  }),
  isQuiet("PresenceSessionsExpiring", "100 a second of 100,000", "5m", {
    [ofNode("presence_expired_total")]: perSecond(100),
    [ofNode("presence_sessions")]: always(100_000),
  }),
  fires("PresenceExpiryLate", "2 s late", "1m", { [ofNode("presence_expiry_lag_seconds")]: always(2) }),
  fires("PresenceExpiriesFailing", "one fails", "5m", { [ofNode("presence_expiries_failed_total")]: once(1) }),
  isQuiet("PresenceExpiriesFailing", "one failed an hour ago", "15m", {
    [ofNode("presence_expiries_failed_total")]: always(1),
  }),
  fires("PresenceDeadlinesMended", "one got one", "5m", {
    [ofNode("presence_deadlines_mended_total", 'how="given"')]: once(1),
  }),
  fires("PresenceDeadlinesMended", "one was dropped", "5m", {
    [ofNode("presence_deadlines_mended_total", 'how="given"')]: always(0),
    [ofNode("presence_deadlines_mended_total", 'how="dropped"')]: once(1),
  }),
  isQuiet("PresenceDeadlinesMended", "one was an hour ago", "16m", {
    [ofNode("presence_deadlines_mended_total", 'how="given"')]: always(1),
  }),
  fires("PresenceUnreadable", "a record is met", "5m", {
    [ofNode("presence_unreadable_total", 'what="records"')]: once(1),
    [ofNode("presence_unreadable_total", 'what="entries"')]: always(0),
  }),
  isQuiet("PresenceUnreadable", "one was met an hour ago", "16m", {
    [ofNode("presence_unreadable_total", 'what="records"')]: always(1),
  }),
  fires("PresenceShardsFailing", "one of two nodes sees it", "1m", {
    'presence_shards_failing{instance="a"}': always(0),
    'presence_shards_failing{instance="b"}': always(1),
  }),
  isQuiet("PresenceShardsFailing", "a tick was refused once", "5m", {
    [ofNode("presence_shards_failing")]: "0x24 1x1 0x215",
  }),
  fires("PresenceStoreRecovers", "a shard began anew", "1m", { [ofNode("presence_recovering_shards")]: always(1) }),
  isQuiet("PresenceStoreRecovers", "none recovers", "5m", { [ofNode("presence_recovering_shards")]: always(0) }),
  fires("PresenceStoreFull", "Redis is out of memory", "1m", { [ofNode("presence_store_full")]: always(1) }),
  isQuiet("PresenceStoreFull", "it was for 10 s", "5m", { [ofNode("presence_store_full")]: "0x24 1x2 0x214" }),
  fires("PresenceStoreMayEvict", "the policy is another", "2m", { [ofNode("presence_store_may_evict")]: always(1) }),
  isQuiet("PresenceStoreMayEvict", "it was for 10 s", "5m", { [ofNode("presence_store_may_evict")]: "0x24 1x2 0x214" }),
  fires("PresenceStoreRiskySettings", "one is found", "2m", { [ofNode("presence_store_risky_settings")]: always(1) }),
  isQuiet("PresenceStoreRiskySettings", "it was for 10 s", "5m", {
    [ofNode("presence_store_risky_settings")]: "0x24 1x2 0x214",
  }),
  fires("PresenceTicksFailing", "they fail", "3m", { [ofNode("presence_ticks_failed_total")]: perSecond(1) }),
  fires("PresenceShardsUnpublished", "31 of 32 are held", "1m", {
    [ofNode("presence_shards_held")]: always(31),
    [ofNode("presence_shards")]: always(32),
  }),
  fires("PresenceShardsUnpublished", "one of two nodes vanishes, and nobody takes its shards", "2m", {
    'presence_shards_held{instance="a"}': always(8),
    'presence_shards_held{instance="b"}': "8x12 stale",
    'presence_shards{instance="a"}': always(16),
    'presence_shards{instance="b"}': "16x12 stale",
  }),
  isQuiet("PresenceShardsUnpublished", "two nodes have 8 each", "1m", {
    'presence_shards_held{instance="a"}': always(8),
    'presence_shards_held{instance="b"}': always(8),
    'presence_shards{instance="a"}': always(16),
    'presence_shards{instance="b"}': always(16),
  }),
  fires("PresencePublisherLagging", "6 s late", "2m", {
    [ofNode("presence_publisher_lag_seconds", 'publisher="kafka"')]: always(6),
  }),
  fires("PresencePublisherDown", "one of two nodes has no broker", "2m", {
    'presence_publisher_ready{instance="a",publisher="kafka"}': always(0),
    'presence_publisher_ready{instance="b",publisher="kafka"}': always(1),
  }),
  fires("PresenceLogFilling", "a log has 600 of 1,000 entries", "2m", {
    [ofNode("presence_log_length")]: always(600),
    [ofNode("presence_log_limit")]: always(1_000),
  }),
  isQuiet("PresenceLogFilling", "a log has 40,000 of 100,000 entries", "2m", {
    [ofNode("presence_log_length")]: always(40_000),
    [ofNode("presence_log_limit")]: always(100_000),
  }),
  fires("PresenceLogOverflowed", "it runs over once", "5m", { [ofNode("presence_log_overflows_total")]: once(1) }),
  fires("PresenceRestatingSlow", "they are after 6 minutes", "6m", {
    [ofNode("presence_restating_shards")]: always(16),
  }),
  isQuiet("PresenceRestatingSlow", "a million users were within two", "6m", {
    [ofNode("presence_restating_shards")]: "16x8 0x50",
  }),
  fires("PresenceBoundNearlyFull", "900 of 1,000 watchers", "3m", {
    [ofNode("presence_bound_used", 'bound="watchers"')]: always(900),
    [ofNode("presence_bound_limit", 'bound="watchers"')]: always(1_000),
  }),
  isQuiet("PresenceBoundNearlyFull", "a cache is full, as it shall be", "3m", {
    [ofNode("presence_bound_used", 'bound="knownSessions"')]: always(1_000),
    [ofNode("presence_bound_limit", 'bound="knownSessions"')]: always(1_000),
  }),
  fires("PresenceReloadRefused", "a key that is not the certificate's", "3m", {
    [ofNode("presence_reload_refused")]: always(1),
  }),
  isQuiet("PresenceReloadRefused", "it was for 10 s", "5m", { [ofNode("presence_reload_refused")]: "0x24 1x2 0x214" }),
  fires("PresenceEventLoopBusy", "0.2 s", "5m", { [ofNode("nodejs_eventloop_lag_p99_seconds")]: always(0.2) }),
  isQuiet("PresenceEventLoopBusy", "a gateway's is", "5m", {
    [ofGateway("nodejs_eventloop_lag_p99_seconds")]: always(0.2),
  }),

  fires("DeliveryPresenceUnreachable", "it is", "1m", { [ofGateway("delivery_presence_reachable")]: always(0) }),
  fires("DeliveryFeedDown", "it is", "1m", { [ofGateway("delivery_feed_ready")]: always(0) }),
  fires("DeliveryDotsStale", "they are", "2m", { [ofGateway("delivery_stale")]: always(1) }),
  fires("DeliverySessionsNotTaken", "20 of 120 wait, and presence answers", "3m", {
    [ofGateway("delivery_sessions", 'state="registering"')]: always(20),
    [ofGateway("delivery_sessions", 'state="online"')]: always(100),
    [ofGateway("delivery_presence_reachable")]: always(1),
  }),
  isQuiet("DeliverySessionsNotTaken", "they wait for presence to be back", "3m", {
    [ofGateway("delivery_sessions", 'state="registering"')]: always(20),
    [ofGateway("delivery_sessions", 'state="online"')]: always(100),
    [ofGateway("delivery_presence_reachable")]: always(0),
  }),
  fires("DeliveryHeartbeatsUnconfirmed", "some are, and presence answers", "5m", {
    [ofGateway("delivery_heartbeats_unconfirmed_total")]: perSecond(0.2),
    [ofGateway("delivery_presence_reachable")]: always(1),
  }),
  isQuiet("DeliveryHeartbeatsUnconfirmed", "presence is away", "5m", {
    [ofGateway("delivery_heartbeats_unconfirmed_total")]: perSecond(0.2),
    [ofGateway("delivery_presence_reachable")]: always(0),
  }),
  fires("DeliveryLeaseLost", "it is opened every five minutes", "20m", {
    [ofGateway("delivery_lease_opens_total")]: perSecond(1 / 300),
  }),
  isQuiet("DeliveryLeaseLost", "it was opened at the start", "10m", {
    [ofGateway("delivery_lease_opens_total")]: always(1),
  }),
  fires("DeliveryDirectoryUnreachable", "it is", "1m", { [ofGateway("delivery_directory_ready")]: always(0) }),
  fires("DeliveryDirectoryFailing", "questions stay open", "5m", {
    [ofGateway("delivery_directory_failures_total")]: perSecond(0.2),
  }),
  fires("DeliveryRelationsMissed", "blocks were gone", "5m", {
    [ofGateway("delivery_audience_faults_total", 'topic="user.blocked",fault="gone"')]: once(1),
  }),
  fires("DeliveryRelationsHeld", "a transaction stays open", "1m", {
    [ofGateway("delivery_audience_held_partitions", 'topic="user.blocked"')]: always(1),
  }),
  isQuiet("DeliveryRelationsHeld", "one is open for a moment", "1m", {
    [ofGateway("delivery_audience_held_partitions", 'topic="user.blocked"')]: "0x3 1x1 0x20",
  }),
  fires("DeliveryDirectoryMayEvict", "the policy is another", "2m", {
    [ofGateway("delivery_directory_may_evict")]: always(1),
  }),
  isQuiet("DeliveryDirectoryMayEvict", "it was for 10 s", "5m", {
    [ofGateway("delivery_directory_may_evict")]: "0x24 1x2 0x214",
  }),
  fires("DeliveryDirectoryRiskySettings", "one is found", "2m", {
    [ofGateway("delivery_directory_risky_settings")]: always(1),
  }),
  isQuiet("DeliveryDirectoryRiskySettings", "it was for 10 s", "5m", {
    [ofGateway("delivery_directory_risky_settings")]: "0x24 1x2 0x214",
  }),
  fires("DeliveryDirectoryUnreadable", "a key is met", "5m", {
    [ofGateway("delivery_directory_unreadable_total")]: once(1),
  }),
  isQuiet("DeliveryDirectoryUnreadable", "one was met an hour ago", "15m", {
    [ofGateway("delivery_directory_unreadable_total")]: always(1),
  }),
  fires("DeliveryFeedUnreadable", "a record is met", "5m", {
    [ofGateway("delivery_feed_records_total", 'outcome="unreadable"')]: once(1),
  }),
  isQuiet("DeliveryFeedUnreadable", "records are read", "5m", {
    [ofGateway("delivery_feed_records_total", 'outcome="change"')]: perSecond(10),
  }),
  isQuiet("DeliveryRelationsMissed", "a malformed one was passed over", "5m", {
    [ofGateway("delivery_audience_faults_total", 'topic="user.blocked",fault="malformed"')]: once(1),
  }),

  fires("DeliveryDotsLate", "2 of 100 are late", "15m", buckets(dots, 98, 2)),
  isQuiet("DeliveryDotsLate", "a late one every 20 s, and nothing else", "15m", buckets(dots, 0, 0.05)),

  fires("DeliverySocketsLost", "1,000 become 400", "12m", { [ofGateway("delivery_sockets")]: turns(1_000, 400) }),
  isQuiet("DeliverySocketsLost", "the only gateway starts again, and its clients are back within 10 s", "10m5s", {
    [ofGateway("delivery_sockets")]: "1000x119 0x2 1000x100",
  }),
  fires("DeliverySocketsSlow", "100 a minute of 10,000", "15m", {
    [ofGateway("delivery_sockets_slow_total")]: perSecond(100 / 60),
    [ofGateway("delivery_sockets")]: always(10_000),
  }),
  isQuiet("DeliverySocketsSlow", "one of 100, every two minutes", "15m", {
    [ofGateway("delivery_sockets_slow_total")]: "0x23 1x23 2x23 3x23 4x23 5x23 6x23 7x23 8x23",
    [ofGateway("delivery_sockets")]: always(100),
  }),
  fires("DeliveryHandshakesRefused", "2 a second beside 10 that open", "15m", {
    [ofGateway("delivery_handshakes_refused_total", 'reason="unauthenticated"')]: perSecond(2),
    [ofGateway("delivery_sockets_opened_total")]: perSecond(10),
  }),
  fires("DeliveryHandshakesRefused", "2 a second, and none opens", "15m", {
    [ofGateway("delivery_handshakes_refused_total", 'reason="unauthenticated"')]: perSecond(2),
    [ofGateway("delivery_sockets_opened_total")]: always(0),
  }),
  isQuiet("DeliveryHandshakesRefused", "a handful, and none opens", "15m", {
    [ofGateway("delivery_handshakes_refused_total", 'reason="unauthenticated"')]: perSecond(0.02),
    [ofGateway("delivery_sockets_opened_total")]: always(0),
  }),
  isQuiet("DeliveryHandshakesRefused", "a gateway drains", "15m", {
    [ofGateway("delivery_handshakes_refused_total", 'reason="draining"')]: perSecond(20),
    [ofGateway("delivery_sockets_opened_total")]: perSecond(10),
  }),
  fires("DeliverySocketsNearLimit", "900 of 1,000", "3m", {
    [ofGateway("delivery_sockets")]: always(900),
    [ofGateway("delivery_sockets_limit")]: always(1_000),
  }),
  fires("DeliveryBoundNearlyFull", "900 of 1,000 ends wait", "3m", {
    [ofGateway("delivery_bound_used", 'bound="closings"')]: always(900),
    [ofGateway("delivery_bound_limit", 'bound="closings"')]: always(1_000),
  }),
  fires("DeliveryReloadRefused", "a key that is not the certificate's", "3m", {
    [ofGateway("delivery_reload_refused")]: always(1),
  }),
  isQuiet("DeliveryReloadRefused", "it was for 10 s", "5m", {
    [ofGateway("delivery_reload_refused")]: "0x24 1x2 0x214",
  }),
  fires("DeliveryEventLoopBusy", "0.2 s", "5m", { [ofGateway("nodejs_eventloop_lag_p99_seconds")]: always(0.2) }),
];
