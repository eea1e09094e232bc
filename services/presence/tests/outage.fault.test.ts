import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { health } from "@realchat/presence-proto";
import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { waitUntil } from "@realchat/presence-testing";
import type { EventCollector } from "../testing/event-collector.ts";
import { Fleet } from "../testing/fleet.ts";
import type { Gateway } from "../testing/gateway.ts";
import { historyOf } from "../testing/history.ts";
import { CallFailure, connectPresence, type PresenceClient } from "../testing/presence-client.ts";

const { SERVING, NOT_SERVING } = health.HealthCheckResponse_ServingStatus;
const ttlMs = 2_000;
const outageMs = 2 * ttlMs;
/** The most that one tick may advance a shard's clock. */
const tickCapMs = ttlMs / 4;

describe("outages longer than a TTL", () => {
  let fleet: Fleet;
  let kafka: EventCollector;
  let crowd: TestUsers;

  before(async () => {
    fleet = await Fleet.start({ nodes: 2, ttlMs, redis: { args: ["--appendonly", "yes", "--appendfsync", "always"] } });
    kafka = await fleet.collect();
  });
  beforeEach(async () => {
    crowd = await TestUsers.gather(fleet, kafka);
  });
  afterEach(() => {
    // A test that failed must not take the next one with it.
    fleet.redis.resume();
    for (const node of fleet.nodes) node.resume();
  });
  after(() => fleet.stop());

  test("while Redis hangs every call is UNAVAILABLE, never offline; then service resumes and no user went offline (P5, P6)", async () => {
    const beganMs = systemClock.monotonicMs();
    fleet.redis.pause();
    await everyCallIsUnavailable(fleet);
    await healthTurns(fleet, NOT_SERVING);
    await everyCallIsUnavailable(fleet);
    await pause(systemClock, beganMs + outageMs - systemClock.monotonicMs());
    fleet.redis.resume();
    await crowd.provesThatNobodyLeft(beganMs);
    await crowd.leavesInTime();
    await healthTurns(fleet, SERVING);
  });

  test("when Redis is killed and comes back with its data service resumes and no user went offline (P5, P6)", async () => {
    const beganMs = systemClock.monotonicMs();
    await fleet.redis.kill();
    await everyCallIsUnavailable(fleet);
    await healthTurns(fleet, NOT_SERVING);
    await pause(systemClock, beganMs + outageMs - systemClock.monotonicMs());
    await fleet.redis.restart();
    await crowd.provesThatNobodyLeft(beganMs);
    await crowd.leavesInTime();
    await healthTurns(fleet, SERVING);
  });

  test("when all nodes freeze, gateways that are back within a TTL keep everyone online (P6)", async () => {
    const beganMs = systemClock.monotonicMs();
    for (const node of fleet.nodes) node.pause();
    await pause(systemClock, outageMs);
    for (const node of fleet.nodes) node.resume();
    await crowd.provesThatNobodyLeft(beganMs);
    await crowd.leavesInTime();
  });
});

/**
 * Users that a gateway keeps alive, and in every shard one without heartbeats: its expiry shows that the time passes.
 */
class TestUsers {
  readonly #kept = Array.from({ length: 40 }, (_, index) => `kept-${++crowds}-${index}`);
  readonly #silent = new Map<string, { registeredMs: number }>();
  readonly #fleet: Fleet;
  readonly #kafka: EventCollector;
  readonly #gateway: Gateway;
  readonly #heldUpMs: () => number;

  private constructor(fleet: Fleet, kafka: EventCollector) {
    this.#fleet = fleet;
    this.#kafka = kafka;
    this.#gateway = fleet.openGateway(400);
    this.#heldUpMs = fleet.heldUp();
  }

  /** All users were just registered, and Kafka has the events. */
  static async gather(fleet: Fleet, kafka: EventCollector): Promise<TestUsers> {
    const crowd = new TestUsers(fleet, kafka);
    const { api } = fleet.clients[0] as PresenceClient;
    const candidates = Array.from({ length: 200 }, (_, index) => `silent-${++crowds}-${index}`);
    const { presences } = await api.getPresence({ userIds: candidates });
    const onePerShard = new Map(presences.map(({ shard, userId }) => [shard, userId]));
    assert.equal(onePerShard.size, 16);

    await Promise.all(crowd.#kept.map((userId, index) => crowd.#gateway.openSocket(userId, "phone", index % 2 === 0)));
    await Promise.all(
      [...onePerShard.values()].map(async (userId) => {
        crowd.#silent.set(userId, { registeredMs: systemClock.monotonicMs() });
        await api.registerSession({ userId, deviceId: "phone", instanceId: "gateway" });
      }),
    );
    const everyone = [...crowd.#kept, ...crowd.#silent.keys()];
    await Promise.all(everyone.map((userId) => kafka.first(userId, "online")));
    return crowd;
  }

  /** The outage that began then is over. */
  async provesThatNobodyLeft(beganMs: number): Promise<void> {
    const overMs = systemClock.monotonicMs();
    for (const [userId, { registeredMs }] of this.#silent) {
      const { arrivedMs } = await this.#kafka.first(userId, "offline");
      const listenedMs = Math.round(beganMs - registeredMs + (arrivedMs - overMs));
      assert(listenedMs >= ttlMs - tickCapMs, `P6: ${userId} had ${listenedMs} ms to refresh`);
    }
    // A TTL has passed in every shard since the outage began: a session that it ended would be offline by now.
    const { api } = this.#fleet.clients[0] as PresenceClient;
    const { presences } = await api.getPresence({ userIds: this.#kept });
    assert.equal(presences.length, this.#kept.length);
    for (const { userId, online } of presences) {
      assert(online, `P6: ${userId} was taken offline`);
      assert.equal(historyOf(this.#kafka.of(userId)).length, 1, `P6: ${userId} was offline for a moment`);
    }
    assert.deepEqual(this.#gateway.missing, []);
    assert(this.#gateway.failures.size > 0, "the gateway saw the outage");
  }

  /** After an outage, too, no session lives longer than it should. */
  async leavesInTime(): Promise<void> {
    for (const { userId, answeredMs } of await this.#gateway.crash()) {
      const { arrivedMs } = await this.#kafka.first(userId, "offline");
      const silentMs = Math.round(arrivedMs - answeredMs);
      assert(silentMs <= ttlMs + 1_000 + this.#heldUpMs(), `P2: ${userId} was a ghost for ${silentMs} ms`);
    }
  }
}

let crowds = 0;

/** Makes every call to every node. */
async function everyCallIsUnavailable(fleet: Fleet): Promise<void> {
  const clients = fleet.nodes.map(({ grpcAddress }) => connectPresence(grpcAddress));
  const heldUpMs = fleet.heldUp();
  await Promise.all(
    clients.flatMap(({ api }) => everyCall(api).map((call, index) => isUnavailable(call, index, heldUpMs))),
  );
  for (const client of clients) client.close();
}

function everyCall(api: PresenceClient["api"]): Promise<unknown>[] {
  const stranger = { userId: "stranger", deviceId: "phone" };
  const token = { ...stranger, sessionId: "1700000000000000.socket-1" };
  return [
    api.getPresence({ userIds: ["stranger"] }),
    api.getUserDevices({ userId: "stranger" }),
    api.batchGetUserDevices({ userIds: ["stranger"] }),
    api.registerSession({ ...stranger, instanceId: "gateway" }),
    api.refreshSession(stranger),
    api.refreshSession(token),
    api.refreshSessions({ sessions: [stranger, token] }),
    api.unregisterSession(stranger),
    api
      .watchPresence({ userIds: ["stranger"] })
      [Symbol.asyncIterator]()
      .next(),
  ];
}

async function isUnavailable(call: Promise<unknown>, index: number, heldUpMs: () => number): Promise<void> {
  const askedMs = systemClock.monotonicMs();
  const outcome = await call.catch((error: unknown) => error);
  const tookMs = Math.round(systemClock.monotonicMs() - askedMs);
  assert(outcome instanceof CallFailure, `P5: call ${index} was answered: ${JSON.stringify(outcome)}`);
  assert.equal(outcome.code, "UNAVAILABLE");
  assert(outcome.retryAfterMs !== undefined, `call ${index} says when to try again`);
  assert(tookMs <= 3_000 + heldUpMs(), `P5: call ${index} took ${tookMs} ms`);
}

async function healthTurns(fleet: Fleet, status: health.HealthCheckResponse_ServingStatus): Promise<void> {
  for (const { health } of fleet.clients) {
    for (const service of ["", "realchat.presence.v1.PresenceApi"]) {
      await waitUntil(async () => (await health.check({ service })).status === status, {
        what: `health of "${service}" turns ${status}`,
      });
    }
  }
}
