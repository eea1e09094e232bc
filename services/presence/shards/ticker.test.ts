import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { transitionsIn } from "../domain/log-entry.ts";
import { defaultRules } from "../domain/rules.ts";
import type { Transition } from "../domain/transition.ts";
import { createMemoryStore } from "../store/memory/memory-store.ts";
import type { PresenceStore, ShardKeeping } from "../store/store.ts";
import { Ticker } from "./ticker.ts";

const { ttlMs } = defaultRules;

describe("ticking", () => {
  let clock: FakeClock;
  let store: PresenceStore;
  let ticker: Ticker;
  let offline: Transition[];

  beforeEach(async () => {
    clock = new FakeClock();
    store = createMemoryStore({ rules: defaultRules, retentionMs: 3_600_000, logMaxEntries: 100_000 }, clock);
    await store.open();
    offline = [];
    store.follow(0, {
      entry: (entry) => offline.push(...transitionsIn([entry]).filter(({ online }) => !online)),
      interrupted: () => undefined,
    });
    ticker = newTicker(store);
    ticker.start();
    await clock.advance(1_000);
  });

  afterEach(() => ticker.stop());

  function newTicker(keeping: ShardKeeping): Ticker {
    return new Ticker({ store: keeping, shardCount: 1, ttlMs, clock, onTick: () => undefined });
  }

  async function connect(userId: string) {
    await store.register({
      userId,
      deviceId: "phone",
      instanceId: "gateway-1",
      connectionId: "",
      previousSessionId: "",
    });
  }

  test("a session without heartbeats is offline at most TTL + 1 s after its last one (P2)", async () => {
    await connect("alice");
    await clock.advance(ttlMs - 500);
    assert.deepEqual(offline, []);
    await clock.advance(1_500);
    assert.deepEqual(
      offline.map(({ userId, cause }) => [userId, cause]),
      [["alice", "EXPIRED"]],
    );
  });

  test("a machine that was frozen for ten TTLs expires no session: gateways have time to reconnect (P6)", async () => {
    await connect("alice");
    clock.freeze(10 * ttlMs);
    await clock.advance(ttlMs - 2_000);
    assert.deepEqual(offline, []);
    await clock.advance(4_000);
    assert.equal(offline.length, 1);
  });

  test("a wall clock that steps forward expires no session (P1, P6)", async () => {
    await connect("alice");
    clock.stepWall(10 * ttlMs);
    await clock.advance(ttlMs - 2_000);
    assert.deepEqual(offline, []);
  });

  test("a wall clock that steps back delays no expiry (P2)", async () => {
    await connect("alice");
    await clock.advance(10_000);
    clock.stepWall(-10 * ttlMs);
    await clock.advance(ttlMs - 10_000 + 1_000);
    assert.equal(offline.length, 1);
  });

  test("mass expiry is paced: 20,000 sessions a second, not all at once (P6)", async () => {
    for (let user = 0; user < 30_000; user++) await connect(`user-${user}`);
    await clock.advance(ttlMs);
    const after: number[] = [];
    for (let slice = 0; slice < 20; slice++) {
      await clock.advance(100);
      after.push(offline.length);
    }
    const [busiest] = after.map((count, slice) => count - (after[slice - 1] ?? 0)).sort((a, b) => b - a);
    assert.ok((busiest ?? 0) <= 2_100, `${busiest} in 100 ms`);
    assert.equal(offline.length, 30_000);
  });

  test("shards are ticked in groups, spread over the period, and a group that was held up takes its place again", async () => {
    ticker.stop();
    const ticked: (readonly [atMs: number, shard: number])[] = [];
    const startedMs = clock.monotonicMs();
    let tookMs = 0;
    const grouped = new Ticker({
      store: {
        async tick(shard) {
          ticked.push([clock.monotonicMs() - startedMs, shard]);
          if (tookMs > 0) await new Promise<void>((resolve) => clock.after(tookMs, resolve));
          return store.tick(0, 0);
        },
        isRecovering: () => false,
        dataSince: () => 0,
      },
      ...{ shardCount: 16, ttlMs, clock, onTick: () => undefined },
    });
    const shardsAt = (atMs: number) => ticked.flatMap(([itsMs, shard]) => (itsMs === atMs ? [shard] : []));
    const [first, second] = [range(0, 8), range(8, 16)];
    grouped.start();
    await clock.advance(400);
    assert.deepEqual([0, 125, 250, 375].map(shardsAt), [first, second, first, second]);
    assert.equal(ticked.length, 32);
    tookMs = 300;
    await clock.advance(200);
    tookMs = 0;
    await clock.advance(1_000);
    // The tick of 500 was answered at 800: its next turn was at 750.
    assert.deepEqual([500, 750, 800, 1_000, 1_250].map(shardsAt), [first, [], first, first, first]);
    grouped.stop();
  });

  test("a store that does not answer stops the shard clock, not the ticks", async () => {
    ticker.stop();
    let away = true;
    const second = newTicker({
      tick: (shard, limit) => (away ? Promise.reject(new Error("away")) : store.tick(shard, limit)),
      isRecovering: () => false,
      dataSince: () => 0,
    });
    second.start();
    await connect("alice");
    await clock.advance(5 * ttlMs);
    assert.deepEqual(offline, []);
    assert.ok(second.ticksFailed > 0);
    away = false;
    await clock.advance(ttlMs + 1_000);
    assert.equal(offline.length, 1);
    second.stop();
  });
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}
