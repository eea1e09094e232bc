import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import type { RestateDuty, RestateStep, Tick } from "../store/store.ts";
import { type Restated, Restating } from "./restating.ts";

const idle: Tick = {
  ...{
    clockMs: 0,
    expired: 0,
    failed: 0,
    lagMs: 0,
    lastVersion: 0,
    sessions: 0,
    usersOnline: 0,
    leased: 0,
    leases: 0,
    blocks: 0,
    claimed: 0,
    logLength: 0,
  },
  ...{ begin: 0, recoveringMs: 0, isRestated: true },
};

/** A store of three pages, in which a test can break what it likes. */
class ScriptedStore {
  readonly clock: FakeClock;
  asked: { cursor: string; shards: number[]; atMs: number }[] = [];
  completed: [number, RestateDuty][] = [];
  perStep = 500;
  /** Of each step; and when each began. */
  parts = 1;
  parted: number[] = [];
  pages = 3;
  undone: number[] = [];
  failed: number[] = [];
  isAway = false;
  /** What the first step takes, the second, and so on, ms. */
  tookMs = (_step: number) => 0;

  constructor(clock: FakeClock) {
    this.clock = clock;
  }

  async restate(
    cursor: string,
    duties: ReadonlyMap<number, RestateDuty>,
    rest: (users: number) => Promise<void>,
  ): Promise<RestateStep> {
    this.asked.push({ cursor, shards: [...duties.keys()], atMs: this.clock.monotonicMs() });
    const tookMs = this.tookMs(this.asked.length);
    for (let part = 1; part <= this.parts; part++) {
      this.parted.push(this.clock.monotonicMs());
      if (tookMs > 0) await new Promise<void>((resolve) => this.clock.after(tookMs / this.parts, resolve));
      if (part < this.parts) await rest((this.perStep * part) / this.parts);
    }
    if (this.isAway) throw new Error("away");
    const page = Number(cursor) + 1;
    const isOf = (shard: number) => duties.has(shard);
    return {
      cursor: page === this.pages ? "" : String(page),
      restated: this.perStep,
      undone: new Set(this.undone.filter(isOf)),
      failed: new Set(this.failed.filter(isOf)),
    };
  }

  async completeRestating(shard: number, duty: RestateDuty): Promise<boolean> {
    this.completed.push([shard, duty]);
    return true;
  }
}

describe("restating", () => {
  let clock: FakeClock;
  let store: ScriptedStore;
  let duties: Map<number, RestateDuty>;
  let started: (readonly number[])[];
  let ended: Restated[];
  let restating: Restating;

  beforeEach(() => {
    clock = new FakeClock();
    store = new ScriptedStore(clock);
    duties = new Map([1, 2].map((shard) => [shard, { begin: 100 + shard, fence: 7 }]));
    started = [];
    ended = [];
    restating = new Restating({
      store,
      shardCount: 2,
      duties: () => duties,
      clock,
      onStarted: (shards) => started.push(shards),
      onEnded: (restated) => ended.push(restated),
    });
    restating.start();
  });

  const tick = (shard: number, fields: Partial<Tick> = {}) =>
    restating.onTick(shard, { ...idle, begin: 100 + shard, isRestated: false, ...fields });
  /** Until the first step of a walk. */
  const untilItWalks = () => clock.advance(600);
  const cursors = () => store.asked.map(({ cursor }) => cursor);

  test("walks once for all shards that began anew, and completes each at the end", async () => {
    tick(1);
    tick(2);
    assert.equal(restating.shards, 2);
    await clock.advance(1_000);
    assert.deepEqual(cursors(), ["", "1", "2"]);
    assert.deepEqual(store.completed, [...duties]);
    assert.deepEqual([started, restating.users, restating.shards], [[[1, 2]], 1_500, 0]);
    assert.deepEqual(
      ended.map(({ shards, users }) => [shards, users]),
      [[[1, 2], 1_500]],
    );
    await clock.advance(60_000);
    assert.equal(store.asked.length, 3, "what was completed is not restated again");
  });

  test("leaves a shard alone that recovers, was restated, or is published by another node", async () => {
    tick(1, { recoveringMs: 1 });
    tick(2, { isRestated: true });
    tick(3);
    await clock.advance(10_000);
    assert.deepEqual([store.asked, restating.shards], [[], 0]);
    tick(1);
    await clock.advance(1_000);
    assert.deepEqual(store.completed, [[1, { begin: 101, fence: 7 }]]);
  });

  test("waits for a lease that is of the same begin as the tick", async () => {
    tick(1, { begin: 999 });
    await clock.advance(10_000);
    assert.deepEqual(store.asked, []);
  });

  test("starts over from the beginning when a step failed", async () => {
    tick(1);
    await untilItWalks();
    await clock.advance(80);
    assert.deepEqual(cursors(), ["", "1"]);
    store.isAway = true;
    await clock.advance(1_000);
    store.isAway = false;
    assert.deepEqual(store.completed, []);
    await clock.advance(3_000);
    assert.deepEqual(cursors().slice(-3), ["", "1", "2"]);
    assert.deepEqual(store.completed, [[1, { begin: 101, fence: 7 }]]);
    assert.deepEqual(
      ended.map(({ shards }) => shards),
      [[], [1]],
    );
  });

  for (const [what, begin] of [
    ["that begins anew", 201],
    ["that is another node's for a step", 101],
  ] as const) {
    test(`a shard ${what} meanwhile is not completed by that walk`, async () => {
      tick(1);
      tick(2);
      await untilItWalks();
      await clock.advance(40);
      assert.deepEqual(cursors(), ["", "1"]);
      if (begin === 101) {
        duties.delete(1);
        await clock.advance(40);
      }
      const duty = { begin, fence: 9 };
      duties.set(1, duty);
      tick(1, { begin });
      await clock.advance(4_000);
      assert.deepEqual(store.completed[0], [2, duties.get(2)]);
      assert.deepEqual(store.completed.slice(1), [[1, duty]]);
      assert.deepEqual(store.asked.at(-3), { ...store.asked.at(-3), cursor: "", shards: [1] });
    });
  }

  test("a lease that is a new one, for its node was held up, costs no more than the step", async () => {
    tick(1);
    await untilItWalks();
    await clock.advance(80);
    assert.deepEqual(cursors(), ["", "1"]);
    store.undone = [1];
    await clock.advance(100);
    store.undone = [];
    const duty = { begin: 101, fence: 8 };
    duties.set(1, duty);
    await clock.advance(1_000);

    assert.equal(cursors().filter((cursor) => cursor === "").length, 1);
    assert.deepEqual(store.completed, [[1, duty]]);
  });

  test("repeats a step that was not done, as its log is full, and goes on where it stood", async () => {
    tick(1);
    store.undone = [1];
    await clock.advance(2_000);
    assert(cursors().length > 10 && cursors().every((cursor) => cursor === ""));
    store.undone = [];
    await clock.advance(1_000);
    assert.deepEqual(store.completed, [[1, { begin: 101, fence: 7 }]]);
  });

  test("a log that stays full holds up no other shard, and has its turn later", async () => {
    tick(1);
    tick(2);
    store.undone = [2];
    await clock.advance(8_000);
    assert.deepEqual(store.completed, [[1, { begin: 101, fence: 7 }]]);
    store.undone = [];
    await clock.advance(10_000);
    assert.deepEqual(store.completed.at(-1), [2, { begin: 102, fence: 7 }]);
  });

  test("a shard that the store fails holds up no other one, and has its turn later", async () => {
    tick(1);
    tick(2);
    store.failed = [1];
    await clock.advance(1_000);
    assert.deepEqual(store.completed, [[2, { begin: 102, fence: 7 }]]);
    store.failed = [];
    await clock.advance(3_000);
    assert.deepEqual(store.completed.at(-1), [1, { begin: 101, fence: 7 }]);
  });

  test("keeps its pace, of which each node has its share: 13,000 users a second", async () => {
    store.pages = 1_000;
    tick(1);
    tick(2);
    await clock.advance(10_000);
    assert(restating.users > 120_000 && restating.users <= 130_500, `${restating.users} users by two shards of two`);
    duties.delete(2);
    const before = restating.users;
    await clock.advance(10_000);
    const users = restating.users - before;
    assert(users > 60_000 && users <= 65_500, `${users} users by one shard of two`);
  });

  test("keeps its pace within a step as well: its parts are spread over its time", async () => {
    store.pages = 1_000;
    store.parts = 5;
    store.perStep = 650;
    tick(1);
    tick(2);
    await clock.advance(10_000);
    assert(restating.users > 120_000 && restating.users <= 130_500, `${restating.users} users`);
    const gapsMs = store.parted.slice(1, 100).map((atMs, index) => Math.round(atMs - (store.parted[index] as number)));
    assert.deepEqual([...new Set(gapsMs)], [10]);
  });

  test("a shard that comes during a walk is restated from there on, and completed by the next", async () => {
    tick(1);
    await untilItWalks();
    tick(2);
    await clock.advance(100);
    assert.deepEqual(
      store.asked.map(({ shards }) => shards),
      [[1], [1, 2]],
    );
    await clock.advance(100);
    assert.deepEqual(store.completed, [[1, { begin: 101, fence: 7 }]]);
    await clock.advance(1_000);
    assert.deepEqual(
      store.asked.slice(3).map(({ cursor, shards }) => [cursor, shards]),
      [
        ["", [2]],
        ["1", [2]],
        ["2", [2]],
      ],
    );
    assert.deepEqual(store.completed.at(-1), [2, { begin: 102, fence: 7 }]);
  });

  test("leaves a slow store a third of its time", async () => {
    store.pages = 1_000;
    store.tookMs = () => 200;
    tick(1);
    tick(2);
    await clock.advance(10_000);
    assert(store.asked.length >= 31 && store.asked.length <= 33, `${store.asked.length} steps of 200 ms`);
  });

  test("makes up for a step that took long, so that the walk keeps its pace on a busy machine", async () => {
    store.pages = 1_000;
    store.tookMs = (step) => (step % 10 === 0 ? 150 : 0);
    tick(1);
    tick(2);
    await clock.advance(10_000);
    assert(restating.users > 118_000 && restating.users <= 130_500, `${restating.users} users`);
  });

  test("makes up for no more than a quarter of a second: others have waited, too", async () => {
    store.pages = 1_000;
    store.tookMs = (step) => (step === 1 ? 5_000 : 0);
    tick(1);
    tick(2);
    await clock.advance(10_000);
    const atMs = store.asked[1]?.atMs as number;
    const soon = store.asked.filter((asked) => asked.atMs >= atMs && asked.atMs < atMs + 100);
    assert(soon.length > 3 && soon.length <= 10, `${soon.length} steps within 100 ms of the first that was on time`);
  });

  test("stops for good", async () => {
    tick(1);
    await untilItWalks();
    restating.stop();
    await clock.advance(10_000);
    assert.equal(store.asked.length, 1);
  });
});
