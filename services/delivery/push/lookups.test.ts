import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { Lookups } from "./lookups.ts";
import { LookupRefused } from "./presence-lookup.ts";

describe("look-ups", () => {
  function scene(limits: { batchMax: number; callsMax?: number } = { batchMax: 3 }) {
    const clock = new FakeClock();
    const asked: string[][] = [];
    const answers: PromiseWithResolvers<void>[] = [];
    const lookUp = (userIds: readonly string[]) => {
      asked.push([...userIds]);
      const answer = Promise.withResolvers<void>();
      answers.push(answer);
      return answer.promise;
    };
    return { clock, asked, answers, lookups: new Lookups({ lookUp, clock, ...limits }) };
  }

  test("users requested while a batch is in flight are in the next one, once each, within the batch limit", async () => {
    const { clock, asked, answers, lookups } = scene();
    const first = lookups.request(["a"]).done;
    await clock.advance(0);
    const second = lookups.request(["b", "c"]).done;
    const third = lookups.request(["c", "d", "e"]).done;
    assert.deepEqual(asked, [["a"]]);
    assert.equal(lookups.metrics.waiting, 4);
    let isThirdDone = false;
    void third.then(() => {
      isThirdDone = true;
    });
    answers[0]?.resolve();
    await first;
    await clock.advance(0);
    assert.deepEqual(asked, [["a"], ["b", "c", "d"]]);
    answers[1]?.resolve();
    await second;
    await clock.advance(0);
    assert.equal(isThirdDone, false);
    assert.deepEqual(asked.at(-1), ["e"]);
    answers[2]?.resolve();
    await third;
    assert.equal(lookups.metrics.waiting, 0);
  });

  test("as many calls as are allowed are in flight at a time, and those of others do not wait for them", async () => {
    const { clock, asked, answers, lookups } = scene({ batchMax: 1, callsMax: 2 });
    const [first, second, third] = ["a", "b", "c"].map((userId) => lookups.request([userId]).done);
    await clock.advance(0);
    assert.deepEqual(asked, [["a"], ["b"]]);
    answers[1]?.resolve();
    await second;
    await clock.advance(0);
    assert.deepEqual(asked, [["a"], ["b"], ["c"]]);
    for (const { resolve } of answers) resolve();
    await Promise.all([first, third]);
  });

  test("users requested in one turn of the event loop are one batch", async () => {
    const { clock, asked, answers, lookups } = scene();
    const requests = [["a"], ["b"], ["a", "c"]].map((userIds) => lookups.request(userIds).done);
    assert.deepEqual(asked, []);
    await clock.advance(0);
    assert.deepEqual(asked, [["a", "b", "c"]]);
    answers[0]?.resolve();
    await Promise.all(requests);
  });

  test("a batch without an answer is retried with backoff until it is answered", async () => {
    const { clock, asked, answers, lookups } = scene();
    const { done } = lookups.request(["a"]);
    await clock.advance(0);
    for (let attempt = 0; attempt < 5; attempt++) {
      answers[attempt]?.reject(new Error("away"));
      await clock.advance(2_000);
      assert.equal(asked.length, attempt + 2);
    }
    answers[5]?.resolve();
    await done;
    assert.deepEqual(lookups.metrics, { asked: 6, failures: 5, refused: 0, waiting: 0 });
  });

  test("an empty request makes no call, and no request waits for ever after close", async () => {
    const { clock, asked, answers, lookups } = scene();
    await lookups.request([]).done;
    assert.deepEqual(asked, []);
    const { done } = lookups.request(["a"]);
    await clock.advance(0);
    answers[0]?.reject(new Error("away"));
    lookups.close();
    await clock.advance(0);
    await done;
    assert.equal(asked.length, 1);
  });

  test("a refused batch is halved until the unreadable users are found; all others are answered", async () => {
    const users = Array.from({ length: 1_000 }, (_, user) => `user-${user}`);
    const unreadable = new Set(["user-0", "user-1", "user-500", "user-999"]);
    const answered = new Set<string>();
    const clock = new FakeClock();
    const lookUp = async (userIds: readonly string[]) => {
      if (userIds.some((userId) => unreadable.has(userId))) throw new LookupRefused("INTERNAL");
      for (const userId of userIds) answered.add(userId);
    };
    const lookups = new Lookups({ lookUp, clock, batchMax: 1_000 });
    const { done } = lookups.request(users);
    await clock.advance(2_000);
    await done;
    assert.deepEqual(
      users.filter((userId) => !answered.has(userId)),
      [...unreadable],
    );
    const { asked, failures, refused, waiting } = lookups.metrics;
    assert.deepEqual({ failures, refused, waiting }, { failures: 0, refused: 4, waiting: 0 });
    assert.ok(asked < 15_000, `${asked} users were asked about to find four`);
  });

  test("when presence refuses every user it is called with backoff, and for all users once it answers", async () => {
    const clock = new FakeClock();
    let isBroken = true;
    let calls = 0;
    const lookUp = async () => {
      calls++;
      if (isBroken) throw new LookupRefused("INTERNAL");
    };
    const lookups = new Lookups({ lookUp, clock, batchMax: 1_000 });
    const { done } = lookups.request(Array.from({ length: 1_000 }, (_, user) => `user-${user}`));
    await clock.advance(60_000);
    assert.ok(calls < 250, `${calls} calls within a minute`);
    isBroken = false;
    await clock.advance(2_000);
    await done;
    assert.equal(lookups.metrics.waiting, 0);
  });

  test("users that no request waits for are not looked up", async () => {
    const { clock, asked, answers, lookups } = scene();
    const first = lookups.request(["a"]);
    await clock.advance(0);
    const gone = lookups.request(["b", "c", "d", "e"]);
    const left = lookups.request(["e", "f"]);
    assert.equal(lookups.metrics.waiting, 5);
    gone.cancel();
    await gone.done;
    assert.equal(lookups.metrics.waiting, 2);
    first.cancel();
    answers[0]?.resolve();
    await clock.advance(0);
    assert.deepEqual(asked.slice(1), [["e", "f"]]);
    answers[1]?.resolve();
    await left.done;
    assert.equal(lookups.metrics.waiting, 0);
  });

  test("a request while presence is unavailable costs the same, however many are waiting", (t) => {
    const { lookups } = scene();
    const sockets = (count: number, from: number) => {
      const before = touches();
      for (let socket = from; socket < from + count; socket++) {
        lookups.request(Array.from({ length: 50 }, (_, user) => `user-${socket * 50 + user}`));
      }
      return (touches() - before) / (count * 50);
    };
    const touches = countTouches(t);
    const atFirst = sockets(10, 0);
    const later = sockets(200, 10);
    assert.ok(later <= 2 * atFirst, `${later} look-ups in collections for each user, ${atFirst} at first`);
    assert.equal(lookups.metrics.waiting, 210 * 50);
  });
});

/** Counts how often a Map or a Set is asked, by anybody. */
function countTouches(t: TestContext): () => number {
  let count = 0;
  for (const prototype of [Map.prototype, Set.prototype]) {
    const { has } = prototype;
    prototype.has = function (this: never, key: unknown) {
      count++;
      return has.call(this, key);
    };
    t.after(() => {
      prototype.has = has;
    });
  }
  const { get } = Map.prototype;
  Map.prototype.get = function (key: unknown) {
    count++;
    return get.call(this, key);
  };
  t.after(() => {
    Map.prototype.get = get;
  });
  return () => count;
}
