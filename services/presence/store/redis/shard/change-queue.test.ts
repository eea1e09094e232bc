import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PresenceError } from "../../../domain/presence-error.ts";
import type { Change } from "../lua/change/change.ts";
import { batchMaxChanges, ChangeQueue } from "./change-queue.ts";

/** A shard that answers with what it was asked for, when the test lets it. */
class FakeShard {
  readonly batches: string[][] = [];
  #release: (() => void) | undefined;
  #isHeld = false;

  readonly decide = async (changes: readonly Change[]): Promise<readonly (string | Error)[]> => {
    const users = changes.map(([, userId]) => userId);
    this.batches.push(users);
    if (this.#isHeld) await new Promise<void>((resolve) => (this.#release = resolve));
    return users.map((userId) => (userId === "malformed" ? new PresenceError("UNAVAILABLE", userId) : userId));
  };

  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    this.#release?.();
  }
}

const leaving = (userId: string): Change => ["unregister", userId, "d", "", "", "", ""];
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

function queueOn(shard: FakeShard, limits: { count?: number; bytes?: number } = {}) {
  const pending = {
    count: { used: 0, limit: limits.count ?? 1_000_000 },
    bytes: { used: 0, limit: limits.bytes ?? 1_000_000 },
  };
  return { queue: new ChangeQueue(shard.decide, pending), pending };
}

const isExhausted = (error: unknown) => error instanceof PresenceError && error.code === "RESOURCE_EXHAUSTED";

describe("changes of a shard", () => {
  test("of one moment share one call, and each gets its own answer", async () => {
    const shard = new FakeShard();
    const { queue, pending } = queueOn(shard);
    const answers = ["1", "2", "3"].map((userId) => queue.add(leaving(userId)));
    assert.equal(pending.count.used, 3);
    assert.equal(pending.bytes.used, 3 * "unregister1d".length);
    assert.deepEqual(await Promise.all(answers), ["1", "2", "3"]);
    assert.deepEqual(shard.batches, [["1", "2", "3"]]);
    assert.deepEqual([pending.count.used, pending.bytes.used], [0, 0]);
  });

  test("that come while a call is under way are the next one, in order", async () => {
    const shard = new FakeShard();
    const { queue } = queueOn(shard);
    shard.hold();
    const answers = [queue.add(leaving("1"))];
    await settled();
    for (const userId of ["2", "3"]) {
      answers.push(queue.add(leaving(userId)));
      await settled();
    }
    assert.deepEqual(shard.batches, [["1"]]);
    shard.release();
    assert.deepEqual(await Promise.all(answers), ["1", "2", "3"]);
    assert.deepEqual(shard.batches, [["1"], ["2", "3"]]);
  });

  test("are sent in calls of a bounded size", async () => {
    const shard = new FakeShard();
    const { queue } = queueOn(shard);
    const userIds = Array.from({ length: 2 * batchMaxChanges + 1 }, (_, index) => String(index));
    assert.deepEqual(await Promise.all(userIds.map((userId) => queue.add(leaving(userId)))), userIds);
    assert.deepEqual(
      shard.batches.map((batch) => batch.length),
      [batchMaxChanges, batchMaxChanges, 1],
    );
  });

  test("fail alone when only they fail", async () => {
    const { queue } = queueOn(new FakeShard());
    const answers = ["1", "malformed", "3"].map((userId) => queue.add(leaving(userId)));
    const [first, second, third] = await Promise.allSettled(answers);
    assert.deepEqual([first?.status, second?.status, third?.status], ["fulfilled", "rejected", "fulfilled"]);
  });

  test("all hear of a call that failed, and the next one is tried again (P5)", async () => {
    const shard = new FakeShard();
    const failure = new PresenceError("UNAVAILABLE", "gone");
    const pending = { count: { used: 0, limit: 10 }, bytes: { used: 0, limit: 1_000 } };
    let isGone = true;
    const queue = new ChangeQueue((changes) => (isGone ? Promise.reject(failure) : shard.decide(changes)), pending);
    const answers = ["1", "2"].map((userId) => queue.add(leaving(userId)));
    for (const answer of answers) await assert.rejects(answer, failure);
    assert.deepEqual([pending.count.used, pending.bytes.used], [0, 0]);
    isGone = false;
    assert.equal(await queue.add(leaving("3")), "3");
  });

  for (const [bound, limits] of [
    ["count", { count: 2 }],
    ["bytes", { bytes: 2 * "unregister1d".length }],
  ] as const) {
    test(`beyond the bound of their ${bound} are refused at once, not queued`, async () => {
      const { queue } = queueOn(new FakeShard(), limits);
      const answers = ["1", "2"].map((userId) => queue.add(leaving(userId)));
      await assert.rejects(queue.add(leaving("3")), isExhausted);
      assert.deepEqual(await Promise.all(answers), ["1", "2"]);
      assert.equal(await queue.add(leaving("4")), "4");
    });
  }
});
