import { type UpkeepCosts, unitCosts } from "./unit-costs.ts";

/** Who uses presence, and how it is deployed. */
interface Deployment {
  readonly sessions: number;
  readonly heartbeatEveryS: number;
  /** How long a user stays online, s. */
  readonly stayS: number;
  /** Users who were here within LAST_SEEN_RETENTION and have gone, for each who is online. */
  readonly goneShare: number;
  /** Online users who are shown a user. */
  readonly watchers: number;
  readonly primaries: number;
  readonly shards: number;
  readonly nodes: number;
  readonly socketsAGateway: number;
  /** RECONCILE_EVERY, and the users that a gateway's sockets watch together. */
  readonly reconcileEveryS: number;
  readonly watchedAGateway: number;
}

/** 10,000,000 sessions on a Cluster. */
export const tenMillion: Deployment = {
  sessions: 10_000_000,
  heartbeatEveryS: 20,
  stayS: 1_800,
  goneShare: 2,
  watchers: 20,
  primaries: 8,
  shards: 64,
  nodes: 8,
  socketsAGateway: 50_000,
  reconcileEveryS: 300,
  watchedAGateway: 500_000,
};

interface Line {
  readonly part: string;
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** How the value comes about. */
  readonly from: string;
}

const ticksASecond = 4;
const claimsASecond = 1 / 0.4;
const expiriesASecond = 20_000;
const registrationsAGateway = 1_000;

/** What such a deployment needs, by arithmetic alone. */
export function reckon(of: Deployment, upkeep: UpkeepCosts): Line[] {
  const { sessions, shards, nodes, primaries } = of;
  const gateways = Math.ceil(sessions / of.socketsAGateway);
  const heartbeats = sessions / of.heartbeatEveryS;
  const transitions = (2 * sessions) / of.stayS;
  const ticks = ticksASecond * shards * nodes;
  const claims = claimsASecond * shards;
  const lookups = (gateways * of.watchedAGateway) / of.reconcileEveryS / 100;
  const c = unitCosts;
  const cores = (us: number) => us / 1_000_000;
  const redis = {
    heartbeats: cores(heartbeats * c.heartbeatRedisUs),
    transitions: cores(transitions * c.transitionRedisUs),
    lookups: cores(lookups * c.lookupOf100RedisUs),
    upkeep: cores(ticks * upkeep.tickRedisUs + claims * upkeep.claimRedisUs),
  };
  const node = {
    heartbeats: cores(heartbeats * c.heartbeatNodeUs),
    // Every node hears of every transition.
    transitions: cores(transitions * c.transitionNodeUs),
    lookups: cores(lookups * c.lookupOf100NodeUs),
    upkeep: cores(ticks * upkeep.tickNodeUs),
  };
  const redisCores = sum(redis);
  const nodeCores = sum(node);
  const dots = transitions * of.watchers;
  const feedBytes = transitions * c.feedRecordBytes;
  const line = (part: string, what: string, value: number, unit: string, from: string): Line => ({
    part,
    what,
    value,
    unit,
    from,
  });
  return [
    line("load", "heartbeats", heartbeats, "/s", `sessions / ${of.heartbeatEveryS} s`),
    line("load", "transitions", transitions, "/s", `2 × sessions / ${of.stayS} s`),
    line("load", "dots pushed", dots, "/s", `transitions × ${of.watchers} watchers`),
    line("load", "ticks", ticks, "/s", `${ticksASecond} × ${shards} shards × ${nodes} nodes`),
    line("Redis", "CPU, heartbeats", redis.heartbeats, "cores", `${c.heartbeatRedisUs} µs each`),
    line("Redis", "CPU, transitions", redis.transitions, "cores", `${c.transitionRedisUs} µs each`),
    line(
      "Redis",
      "CPU, look-ups of reconciliation",
      redis.lookups,
      "cores",
      `${c.lookupOf100RedisUs} µs for 100 users`,
    ),
    line("Redis", "CPU, ticks and leases", redis.upkeep, "cores", `${round(upkeep.tickRedisUs)} µs a tick`),
    line("Redis", "CPU, busiest thread", redisCores / primaries, "of a core", `all / ${primaries} primaries`),
    line(
      "Redis",
      "memory a primary",
      (sessions * (c.sessionRedisBytes + of.goneShare * c.goneUserRedisBytes)) / primaries / 2 ** 30,
      "GiB",
      `${c.sessionRedisBytes} B a session, ${of.goneShare} × ${c.goneUserRedisBytes} B gone`,
    ),
    line("Redis", "connections a primary", nodes * 2, "", "2 a node: commands, announcements"),
    line("Redis", "announcements sent", (transitions * nodes * 250) / 2 ** 20, "MiB/s", "transitions × nodes × 250 B"),
    line("presence", "CPU, heartbeats", node.heartbeats, "cores", `${round(c.heartbeatNodeUs)} µs each`),
    line(
      "presence",
      "CPU, transitions on one node, and followed",
      node.transitions,
      "cores",
      `${c.transitionNodeUs} µs each`,
    ),
    line("presence", "CPU, ticks", node.upkeep, "cores", `${round(upkeep.tickNodeUs)} µs each`),
    line(
      "presence",
      "CPU a node",
      nodeCores / nodes + node.transitions * (1 - 1 / nodes),
      "cores",
      "its share; it follows all",
    ),
    line("presence", "connections a node", gateways, "", "one from each gateway"),
    line("Kafka", "written", feedBytes / 2 ** 20, "MiB/s", `${c.feedRecordBytes} B a transition`),
    line("Kafka", "read by all gateways", (feedBytes * gateways) / 2 ** 20, "MiB/s", `written × ${gateways} gateways`),
    line("Delivery", "gateways", gateways, "", `${of.socketsAGateway} sockets each`),
    line(
      "Delivery",
      "memory a gateway",
      (of.socketsAGateway * c.socketGatewayBytes) / 2 ** 30,
      "GiB",
      `${c.socketGatewayBytes} B a socket`,
    ),
    line(
      "Delivery",
      "CPU a gateway, feed",
      cores(transitions * c.feedRecordGatewayUs),
      "of a core",
      `${c.feedRecordGatewayUs} µs a change`,
    ),
    line(
      "Delivery",
      "CPU a gateway, dots",
      cores((dots / gateways) * c.dotGatewayUs),
      "of a core",
      `${c.dotGatewayUs} µs a dot`,
    ),
    line(
      "storms",
      "a gateway dies: its users taken down in",
      of.socketsAGateway / expiriesASecond,
      "s",
      `${expiriesASecond}/s, all shards`,
    ),
    line(
      "storms",
      "all gateways die: taken down in",
      sessions / expiriesASecond,
      "s",
      `${expiriesASecond}/s, all shards`,
    ),
    line(
      "storms",
      "all register again in",
      of.socketsAGateway / registrationsAGateway,
      "s",
      `${registrationsAGateway}/s a gateway`,
    ),
    line(
      "storms",
      "Redis thread meanwhile",
      cores(gateways * registrationsAGateway * c.transitionRedisUs) / primaries,
      "of a core",
      `${gateways * registrationsAGateway} registrations/s`,
    ),
  ];
}

function sum(costs: Readonly<Record<string, number>>): number {
  return Object.values(costs).reduce((total, cost) => total + cost, 0);
}

/** Two significant digits are more than such a reckoning is good for. */
export function round(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(2)));
}
