import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { waitUntil } from "@realchat/presence-testing";
import { createClient } from "@redis/client";
import type { EventCollector } from "../testing/event-collector.ts";
import { Fleet, metricOf } from "../testing/fleet.ts";
import { CallFailure, type PresenceClient } from "../testing/presence-client.ts";

const ttlMs = 6_000;
const beatMs = ttlMs / 6;
const count = 20;
const instanceId = "gateway-7";

/** Gateways of living users: with tokens, they obey the answers; without, they ignore them. */
class Living {
  readonly userIds: readonly string[];
  readonly #nodes: readonly PresenceClient[];
  readonly #hasTokens: boolean;
  readonly #isOver = new AbortController();
  readonly #beating: Promise<void>[] = [];

  constructor(nodes: readonly PresenceClient[], hasTokens: boolean) {
    this.#nodes = nodes;
    this.#hasTokens = hasTokens;
    this.userIds = Array.from({ length: count }, (_, index) => `${hasTokens ? "token" : "legacy"}-${index}`);
  }

  async begin(): Promise<void> {
    for (const [index, userId] of this.userIds.entries()) {
      const sessionId = await this.#register(userId, index, "");
      this.#beating.push(this.#beat(userId, index, sessionId));
    }
  }

  async end(): Promise<void> {
    this.#isOver.abort();
    await Promise.all(this.#beating);
  }

  async #register(userId: string, index: number, previousSessionId: string): Promise<string> {
    const connectionId = this.#hasTokens ? `socket-${userId}` : "";
    const request = { userId, deviceId: "phone", instanceId, connectionId, previousSessionId };
    const { sessionId } = await this.#node(index).api.registerSession(request);
    return this.#hasTokens ? sessionId : "";
  }

  async #beat(userId: string, index: number, first: string): Promise<void> {
    let sessionId = first;
    await pause(systemClock, (beatMs * index) / count, this.#isOver.signal);
    for (let beats = 0; !this.#isOver.signal.aborted; beats++) {
      try {
        await this.#node(index + beats).api.refreshSession({ userId, deviceId: "phone", sessionId });
      } catch (error) {
        const isGone = error instanceof CallFailure && error.code === "NOT_FOUND";
        // One that is not answered is sent again after the next heartbeat.
        if (isGone && this.#hasTokens)
          sessionId = await this.#register(userId, index, sessionId).catch(() => sessionId);
      }
      await pause(systemClock, beatMs, this.#isOver.signal);
    }
  }

  #node(index: number): PresenceClient {
    return this.#nodes[index % this.#nodes.length] as PresenceClient;
  }
}

describe("two nodes whose Redis loses all its data (P8)", () => {
  let fleet: Fleet;
  let kafka: EventCollector;
  let gateways: readonly Living[];
  before(async () => {
    fleet = await Fleet.start({ nodes: 2, ttlMs });
    kafka = await fleet.collect();
    gateways = [new Living(fleet.clients, true), new Living(fleet.clients, false)];
    await Promise.all(gateways.map((gateway) => gateway.begin()));
  });
  after(async () => {
    await Promise.all(gateways.map((gateway) => gateway.end()));
    await fleet.stop();
  });

  test("read nobody who lives offline, unless they say that they recover; all are back by a heartbeat", async () => {
    const userIds = gateways.flatMap((gateway) => gateway.userIds);
    await Promise.all(userIds.map((userId) => kafka.first(userId, "online")));
    const redis = createClient({ url: fleet.redis.url });
    await redis.connect();
    await redis.flushAll();
    redis.destroy();
    const flushedMs = systemClock.monotonicMs();

    let backAfterMs: number | undefined;
    let hasRecovered = false;
    // The shards' clocks run slower than the time when ticks are late.
    let answers = 0;
    while (!hasRecovered && systemClock.monotonicMs() < flushedMs + 10 * ttlMs) {
      for (const { api } of fleet.clients) {
        const { presences, recovering } = await api.getPresence({ userIds });
        const offline = presences.filter(({ online }) => !online).map(({ userId }) => userId);
        answers += 1;
        assert.ok(recovering || offline.length === 0, `not recovering, and offline: ${offline}`);
        if (offline.length === 0) backAfterMs ??= systemClock.monotonicMs() - flushedMs;
        hasRecovered = !recovering;
      }
      await pause(systemClock, 20);
    }
    assert.ok(answers > 10);
    assert.ok(backAfterMs !== undefined && backAfterMs < ttlMs, `all are back after ${backAfterMs} ms`);
    assert.equal(hasRecovered, true);
    const resets = () => new Set(kafka.resets.map(({ shard, partition }) => `${shard}/${partition}`)).size;
    await waitUntil(() => resets() === 16 * 4, { what: "each shard is reset in each partition" });
    const left = userIds.filter((userId) => kafka.of(userId).some(({ online }) => !online));
    assert.deepEqual(left, [], "P1");
  });

  test("know the gateways of those who came back", async () => {
    const userIds = gateways.flatMap((gateway) => gateway.userIds);
    const { users } = await (fleet.clients[0] as PresenceClient).api.batchGetUserDevices({ userIds });
    const found = users.flatMap(({ devices }) => devices.map((device) => device.instanceId));
    assert.deepEqual(
      found,
      userIds.map(() => instanceId),
    );
  });

  test("say that every shard began anew, and are ready all the while", async () => {
    const begins = await Promise.all(fleet.nodes.map((node) => metricOf(node, "presence_store_begins_total")));
    assert.equal(
      begins.reduce((sum, value) => sum + value, 0),
      16,
    );
    const logs = fleet.nodes.map((node) => node.logs()).join("");
    for (let shard = 0; shard < 16; shard++) assert.match(logs, new RegExp(`the store of shard ${shard} began anew: `));
    assert.doesNotMatch(logs, /store is not ready/);
    await waitUntil(async () => (await metricOf(fleet.nodes[0] as never, "presence_recovering_shards")) === 0, {
      what: "no shard recovers any more",
    });
  });
});
