import { MemoryDirectory } from "../../services/delivery/audience/memory/memory-directory.ts";
import { WatchFeed } from "../../services/delivery/feed/watch-feed.ts";
import { type LeasePace, leaseMarginMs } from "../../services/presence/domain/lease.ts";
import { isMark, type LogEntry } from "../../services/presence/domain/log-entry.ts";
import { defaultRules, type Rules } from "../../services/presence/domain/rules.ts";
import { shardOf } from "../../services/presence/domain/shard.ts";
import { Client, type Habits } from "../clients/client.ts";
import { LegacyGateway } from "../gateways/legacy-gateway.ts";
import { type CallTap, type NodePlace, SimulatedChannels } from "../gateways/simulated-channels.ts";
import { SocketCalls } from "../gateways/socket-calls.ts";
import { TokenGateway } from "../gateways/token-gateway.ts";
import { SimulatedTopic } from "../kafka/simulated-topic.ts";
import { topicFeed } from "../kafka/topic-feed.ts";
import { Path } from "../network/path.ts";
import { ClosingCalls } from "../operators/closing-calls.ts";
import { operate } from "../operators/operator.ts";
import { PresenceNode } from "../presence/presence-node.ts";
import { GroundTruth } from "../promises/ground-truth.ts";
import { type Bounds, PromiseJudge } from "../promises/promise-judge.ts";
import { StatusTruth } from "../promises/status-truth.ts";
import { Timeline } from "../promises/timeline.ts";
import type { TruthClock } from "../promises/truth-clock.ts";
import { ask } from "../readers/asking-reader.ts";
import { readFeed } from "../readers/feed-reader.ts";
import { readStream } from "../readers/stream-reader.ts";
import { readTopic } from "../readers/topic-reader.ts";
import { speak } from "../speakers/speaker.ts";
import type { SimulatedRedis } from "../store/redis/simulated-redis.ts";
import { type NodeStore, type SharedStore, sharedMemory, sharedRedis } from "../store/shared-store.ts";
import { EventLoop } from "../time/event-loop.ts";
import { Machine } from "../time/machine.ts";
import type { Random } from "../time/random.ts";

interface FleetSize {
  readonly nodes: number;
  readonly gateways: number;
  /** Of these, gateways that keep their sessions by a lease. */
  readonly leasedGateways: number;
  readonly legacyGateways: number;
  readonly users: number;
  readonly partitions: number;
  /** What the nodes share: Redis, which may lose its data, or the memory store. */
  readonly store: "redis" | "memory";
  readonly ttlMs: number;
}

/** Users who see each other. */
const circleUsers = 8;
/** Three circles of users: another seed finds more than more users do, since things go wrong at other moments. */
const smallFleet = { nodes: 2, gateways: 3, legacyGateways: 2, users: 3 * circleUsers, partitions: 4 };

/**
 * A small fleet; every third one on the memory store, and every second one with a third of the time to live, or all. Of its
 * gateways two have a lease, or all, one, or none.
 */
export function fleetOf(seed: number, isBrisk: boolean): FleetSize {
  return {
    ...smallFleet,
    leasedGateways: [2, 3, 1, 2, 0][seed % 5] as number,
    store: seed % 3 === 0 ? "memory" : "redis",
    ttlMs: seed % 2 === 0 && !isBrisk ? 60_000 : 20_000,
  };
}

const graceMs = 5_000;

/** A gateway's place: it is replaced when it goes. */
interface GatewayPlace {
  readonly name: string;
  readonly hasTokens: boolean;
  readonly leases: boolean;
  /** Whether presence itself tells it of changes, and not Kafka. */
  readonly watches: boolean;
  gateway: TokenGateway | LegacyGateway | undefined;
  channels: SimulatedChannels | undefined;
}

/** Presence, its store, Kafka, gateways, clients and readers, in virtual time, with a judge who knows what is true. */
export class Fleet {
  readonly loop = new EventLoop();
  readonly timeline: Timeline;
  readonly judge: PromiseJudge;
  readonly truth: GroundTruth;
  readonly server: Machine;
  readonly topic: SimulatedTopic;
  readonly nodePlaces: readonly NodePlace[];
  readonly gatewayPlaces: readonly GatewayPlace[];
  readonly clients: readonly Client[];
  readonly random: Random;
  readonly store: SharedStore;
  readonly #directory: MemoryDirectory;
  readonly #paths = new Map<string, Path>();
  readonly #links = new Map<PresenceNode, NodeStore>();
  #started = 0;
  readonly ttlMs: number;
  readonly #leasePace: LeasePace;
  /** Transitions that the store logged. */
  transitions = 0;

  constructor(random: Random, size: FleetSize) {
    this.random = random;
    const { loop } = this;
    const { ttlMs } = size;
    this.ttlMs = ttlMs;
    this.#leasePace = leasePaceOf(ttlMs);
    this.timeline = new Timeline(() => loop.nowMs);
    this.server = this.#machine("store");
    const { ttlMs: leaseTtlMs, sessionTtlMs: leasedTtlMs } = this.#leasePace;
    const rules: Rules = { ...defaultRules, ttlMs, leaseTtlMs, leasedTtlMs, graceMs };
    const onEntry = (entry: LogEntry) => this.#logged(entry);
    this.store =
      size.store === "memory"
        ? sharedMemory(this.server, rules, 16 * size.users, onEntry)
        : sharedRedis(this.server, rules, onEntry);
    const { shardCount } = this.store;
    const clock: TruthClock = {
      nowMs: () => loop.nowMs,
      wallMs: () => this.server.nowUs() / 1_000,
      deadlineClockMs: (userId) => this.store.clockMs(shardOf(userId, shardCount)),
      deadlineClocksMs: () => Array.from({ length: shardCount }, (_, shard) => this.store.clockMs(shard)),
      shardOf: (userId) => shardOf(userId, shardCount),
      shardTick: (shard) => this.store.lastTick(shard),
      recoveringUntilMs: (userId) => this.store.recoveringUntilMs(shardOf(userId, shardCount)),
    };
    const runs = (name: string) => this.#runs(name);
    this.truth = new GroundTruth({ rules, clock, runs });
    const statuses = new StatusTruth(clock);
    this.judge = new PromiseJudge({
      truth: this.truth,
      statuses,
      clock,
      timeline: this.timeline,
      bounds: boundsOf(ttlMs),
      shardCount,
    });
    if (this.store.redis !== undefined) this.#watchLosses(this.store.redis);
    this.topic = new SimulatedTopic(this.#machine("kafka"), size.partitions);
    this.#directory = new MemoryDirectory({}, this.server);
    const userIds = Array.from({ length: size.users }, (_, user) => `user-${user}`);
    const contactsOf = this.#befriend(userIds);
    this.nodePlaces = named("node", size.nodes).map((name) => ({ name, node: undefined }));
    this.gatewayPlaces = [
      ...named("gateway", size.gateways).map((name, place) => {
        const own = { leases: place < size.leasedGateways, watches: place === size.gateways - 1 };
        return { name, hasTokens: true, ...own, gateway: undefined, channels: undefined };
      }),
      ...named("legacy", size.legacyGateways).map((name) => {
        const own = { leases: false, watches: false };
        return { name, hasTokens: false, ...own, gateway: undefined, channels: undefined };
      }),
    ];
    for (const place of this.nodePlaces) this.startNode(place);
    for (const place of this.gatewayPlaces) this.startGateway(place, clock);
    this.#startReaders(userIds);
    this.#startOperator(userIds, clock);
    this.#startSpeaker(userIds, statuses);
    this.clients = userIds.flatMap((userId, user) => this.#clientsOf(userId, user, size, contactsOf.get(userId) ?? []));
  }

  /** Runs what happens in that time. */
  async run(forMs: number): Promise<void> {
    const { loop, judge } = this;
    const looks = loop.every(1_000, () => judge.look());
    await loop.run(loop.nowMs + forMs);
    looks.cancel();
  }

  linkOf(node: PresenceNode): NodeStore | undefined {
    return this.#links.get(node);
  }

  /** The way between two places, by their names. */
  pathBetween(one: string, other: string): Path {
    const key = [one, other].sort().join(" – ");
    let path = this.#paths.get(key);
    if (path === undefined) {
      path = new Path({ loop: this.loop, random: this.random.fork(), leastMs: 0.2, spreadMs: 0.5 });
      this.#paths.set(key, path);
    }
    return path;
  }

  startNode(place: NodePlace): void {
    const machine = this.#machine(`${place.name}.${++this.#started}`);
    const link = this.store.link(machine, this.pathBetween(place.name, "store"));
    const publisher = this.topic.publisher(machine, this.pathBetween(place.name, "kafka"));
    const pace = { ttlMs: this.ttlMs, heartbeatIntervalMs: this.ttlMs / 3, leases: this.#leasePace };
    const node = new PresenceNode({ machine, store: link, publisher, ...pace });
    this.#links.set(node, link);
    place.node = node;
    void node.start();
    this.timeline.note(place.name, `starts as ${machine.name}`);
  }

  crashNode(place: NodePlace): void {
    const { node } = place;
    if (node === undefined) return;
    node.machine.kill();
    this.#links.get(node)?.abandon();
    this.#links.delete(node);
    place.node = undefined;
  }

  startGateway(place: GatewayPlace, clock: TruthClock = this.#clock): void {
    this.#clock = clock;
    const { truth, timeline, judge, loop } = this;
    const machine = this.#machine(`${place.name}.${++this.#started}`);
    const legacySocketOf = (userId: string, deviceId: string) =>
      place.gateway instanceof LegacyGateway ? place.gateway.socketOf(userId, deviceId) : undefined;
    const tap = new SocketCalls({ gateway: place.name, truth, judge, clock, timeline, legacySocketOf });
    const channels = this.#channels(place.name, machine, tap);
    const shared = { name: place.name, machine, channels, truth, timeline };
    place.channels = channels;
    place.gateway = place.hasTokens
      ? new TokenGateway({
          ...shared,
          feed: place.watches
            ? new WatchFeed({ channels, clock: machine, onEnd: rethrow })
            : topicFeed(this.topic, machine, this.pathBetween(place.name, "kafka")),
          directory: this.#slowDirectory(machine),
          leases: place.leases,
          object: (promise, userId, message) => judge.object(promise, userId, message),
          nextTurn: (run) => void loop.after(0, () => machine.receive(run)),
        })
      : new LegacyGateway({ ...shared, heartbeatIntervalMs: this.ttlMs / 3 });
  }

  #clock: TruthClock = {
    nowMs: () => this.loop.nowMs,
    wallMs: () => 0,
    deadlineClockMs: () => 0,
    deadlineClocksMs: () => [],
    shardOf: () => 0,
    shardTick: () => ({ clockMs: 0, atMs: 0, steps: 0 }),
    recoveringUntilMs: () => 0,
  };

  #machine(name: string): Machine {
    const { random } = this;
    const drift = random.between(-100, 100) / 1_000_000;
    return new Machine({ name, loop: this.loop, random: random.fork(), drift, aheadMs: random.between(-50, 50) });
  }

  #runs(machineName: string): boolean {
    return this.gatewayPlaces.some(({ gateway }) => gateway?.machine.name === machineName && gateway.machine.runs);
  }

  #channels(name: string, machine: Machine, tap?: CallTap): SimulatedChannels {
    const pathTo = (place: NodePlace) => this.pathBetween(name, place.name);
    return new SimulatedChannels({ machine, places: this.nodePlaces, pathTo, ...(tap !== undefined && { tap }) });
  }

  #logged(entry: LogEntry): void {
    if (isMark(entry)) {
      this.timeline.note("store", `shard ${entry.shard}: ${entry.mark} ${entry.version}`);
      this.judge.logged(entry);
      return;
    }
    this.transitions++;
    const { userId, online, version, cause } = entry;
    this.timeline.note("store", `${online ? "online" : "offline"} ${cause} ${version}`, userId);
    // The clock of the tick that took someone down is known a moment later.
    this.loop.after(0, () => this.judge.logged(entry));
  }

  #watchLosses(redis: SimulatedRedis): void {
    redis.onLoss = (must) => this.judge.lost(must);
    redis.onBegin = (shard, reason) => {
      this.timeline.note("store", `shard ${shard} begins anew: ${reason}`);
      this.judge.begins(shard, reason);
    };
  }

  #befriend(userIds: readonly string[]): Map<string, string[]> {
    const contacts = new Map<string, string[]>();
    for (let start = 0; start < userIds.length; start += circleUsers) {
      const participants = userIds.slice(start, start + circleUsers);
      const changes = [{ kind: "conversation" as const, conversationId: `circle-${start}`, participants, at: 1 }];
      void this.#directory.apply({ changes });
      for (const userId of participants)
        contacts.set(
          userId,
          participants.filter((other) => other !== userId),
        );
    }
    return contacts;
  }

  #slowDirectory(machine: Machine) {
    const { loop } = this;
    const later = async <Answer>(ask: () => Promise<Answer>): Promise<Answer> => {
      const answer = await ask();
      await new Promise<void>((resolve) => loop.after(1 + machine.random() * 4, () => machine.receive(resolve)));
      return answer;
    };
    return {
      visibleTo: (viewer: string, limit: number) => later(() => this.#directory.visibleTo(viewer, limit)),
      maySee: (viewer: string, users: readonly string[]) => later(() => this.#directory.maySee(viewer, users)),
    };
  }

  #startReaders(userIds: readonly string[]): void {
    const machine = this.#machine("observer");
    const channels = this.#channels("observer", machine);
    const { judge } = this;
    const path = this.pathBetween("observer", "kafka");
    judge.publishedOf = readTopic(this.topic, machine, path, judge.reader("kafka", "the reader of Kafka", userIds));
    void readFeed(this.topic, machine, path, channels, judge.reader("feed", "the reader of the SDK's feed", userIds));
    void readStream(channels, machine, judge.reader("watch", "WatchPresence", userIds));
    ask(channels, machine, judge, judge.reader("ask", "GetPresence", userIds));
  }

  #startOperator(userIds: readonly string[], clock: TruthClock): void {
    const { truth, timeline, ttlMs, random } = this;
    const machine = this.#machine("operator");
    const { api } = this.#channels("operator", machine, new ClosingCalls(truth, clock, timeline));
    const blockMs = { least: 1_000, most: ttlMs };
    operate({ machine, api, random: random.fork(), timeline, userIds, everyMs: ttlMs, blockMs });
  }

  #startSpeaker(userIds: readonly string[], truth: StatusTruth): void {
    const { timeline, ttlMs, random } = this;
    const machine = this.#machine("speaker");
    const channels = this.#channels("speaker", machine);
    const lastsMs = { least: ttlMs / 4, most: 4 * ttlMs };
    speak({ ...{ machine, channels, random: random.fork(), truth, timeline, userIds }, everyMs: 3 * ttlMs, lastsMs });
  }

  /** Every second user has two devices; as many as there are legacy gateways among all are served by those. */
  #clientsOf(userId: string, user: number, size: FleetSize, contacts: readonly string[]): Client[] {
    const { random, loop, truth, judge, timeline } = this;
    const habits = habitsOf(this.ttlMs);
    const gateways = () => this.gatewayPlaces.flatMap(({ gateway }) => (gateway === undefined ? [] : [gateway]));
    const legacyShare = size.legacyGateways / (size.gateways + size.legacyGateways);
    return (user % 2 === 0 ? ["phone", "laptop"] : ["phone"]).map((deviceId) => {
      const hasToken = !random.chance(legacyShare);
      const about = { userId, deviceId, contacts, hasToken, habits };
      const wallMs = () => this.server.nowUs() / 1_000;
      return new Client({ ...about, gateways, loop, wallMs, random: random.fork(), truth, judge, timeline });
    });
  }
}

/** All is as fast as sessions die. */
function habitsOf(ttlMs: number): Habits {
  return { stayMs: 5 * ttlMs, awayMs: 2.5 * ttlMs, roamMs: 5 * ttlMs, useMs: 2 * ttlMs };
}

/** As fast as sessions die, if a lease may: at the usual time to live, as presence does by default. */
function leasePaceOf(ttlMs: number): LeasePace {
  const heartbeatIntervalMs = Math.round(ttlMs / 12);
  // Long enough that what it heals is seen before.
  const verifyIntervalMs = 3 * ttlMs;
  return {
    ...{ heartbeatIntervalMs, verifyIntervalMs, sessionTtlMs: 3 * verifyIntervalMs },
    ttlMs: heartbeatIntervalMs + leaseMarginMs + 3_000,
  };
}

function boundsOf(ttlMs: number): Bounds {
  return {
    ...{ goneMs: 5_000, offlineMs: 10_000, onlineMs: 10_000, publishedMs: 5_000, statusMs: 10_000 },
    disturbedMs: ttlMs + 15_000,
  };
}

function named(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${name}-${index + 1}`);
}

function rethrow(error: unknown): never {
  throw error;
}
