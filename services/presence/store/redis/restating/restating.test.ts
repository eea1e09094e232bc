import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { shardKeys } from "../keys.ts";
import type { RecordScan } from "../records/record-scan.ts";
import type { Scripts } from "../scripts.ts";
import type { ShardState } from "../shard/shard-state.ts";
import { Restating } from "./restating.ts";

const shards = 2;
const duties = new Map([
  [0, { begin: 100, fence: 1 }],
  [1, { begin: 100, fence: 1 }],
]);

/** Pages of as many users of each shard, and scripts that take as long as a test likes. */
class ScriptedRedis {
  readonly links = Array.from({ length: shards }, () => ({ isReady: true }));
  readonly states = shardKeys(shards).map((keys, number) => ({ number, keys, link: this.links[number] }));
  usersOfPage = 400;
  pages = 3;
  onScan = (_page: number) => {};
  tookMs = 0;
  scans = 0;
  /** Users of the calls that were under way together, in turn. */
  atOnce: number[] = [];
  #underWay = 0;
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  readonly scan = {
    step: async (cursor: string) => {
      const page = Number(cursor) + 1;
      this.scans += 1;
      this.onScan(page);
      const userIds = Array.from({ length: this.usersOfPage }, (_, index) => `${page}-${index}`);
      const users = new Map(this.states.map((state) => [{ state }, userIds]));
      return { cursor: page >= this.pages ? "" : String(page), users };
    },
  };

  readonly scripts = {
    run: async (_link: unknown, _script: unknown, _keys: unknown, _args: unknown, records: readonly string[]) => {
      if (this.#underWay === 0) this.atOnce.push(0);
      this.#underWay += 1;
      this.atOnce.push((this.atOnce.pop() as number) + records.length);
      if (this.tookMs > 0) await new Promise<void>((resolve) => this.#clock.after(this.tookMs, resolve));
      this.#underWay -= 1;
      return records.length;
    },
  };
}

describe("restating on Redis", () => {
  let clock: FakeClock;
  let redis: ScriptedRedis;
  let restating: Restating;

  beforeEach(() => {
    clock = new FakeClock();
    redis = new ScriptedRedis(clock);
    restating = new Restating(
      redis.scan as unknown as RecordScan,
      redis.states.map((state) => ({ state: state as unknown as ShardState })),
      {
        scripts: redis.scripts as unknown as Scripts,
        operations: { run: (_kind: string, operation: () => unknown) => operation() } as never,
        clock,
      },
    );
  });

  test("a step asks for all whom a few scans found, and the next goes on behind them", async () => {
    redis.pages = 5;
    const first = await restating.step("", duties);
    assert.deepEqual([first.cursor, first.restated, redis.scans], ["3", 3 * shards * 400, 3]);
    const second = await restating.step(first.cursor, duties);
    assert.deepEqual([second.cursor, second.restated, redis.scans], ["", 2 * shards * 400, 5]);
  });

  test("a millisecond of Redis is sent at once; where calls take long anyway more, within bounds", async () => {
    const step = async (tookMs: number) => {
      Object.assign(redis, { tookMs, atOnce: [] });
      const under = restating.step("", duties);
      await clock.advance(60_000);
      await under;
      return redis.atOnce.at(-2);
    };
    assert.equal(await step(1), 128);
    assert.equal(await step(10), 320);
    assert.equal(await step(500), 512);
    assert.equal(await step(1), 128);
  });

  test("rests between the parts of a step, and says how far it is", async () => {
    const rests: number[] = [];
    const { restated } = await restating.step("", duties, async (users) => {
      rests.push(users);
      assert.equal(
        redis.atOnce.reduce((all, some) => all + some),
        users,
        "nobody is asked meanwhile",
      );
    });
    assert.deepEqual(rests.slice(0, 2), [128, 256]);
    assert(rests.every((users) => users < restated));
  });

  for (const scanned of [1, 2]) {
    test(`a server that is away at scan ${scanned} of a step was passed over, though it is back at the end`, async () => {
      redis.onScan = (page) => {
        for (const link of redis.links.slice(1)) link.isReady = page !== scanned;
      };
      const { failed } = await restating.step("", duties);
      assert.deepEqual([...failed], [1]);
    });
  }
});
