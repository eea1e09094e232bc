import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { FeedSource, LookupSource } from "./dot-sources.ts";
import { LookupRefused, type LookupResult } from "./presence-lookup.ts";
import { Staleness } from "./staleness.ts";

const nobody: LookupResult = { dots: [], recovering: false, dataSince: new Map(), lastSeenRetentionMs: 0 };

function scene() {
  const clock = new FakeClock();
  const source = { sinceMs: undefined as number | undefined };
  const passes: PromiseWithResolvers<void>[] = [];
  const told: boolean[] = [];
  const staleness = new Staleness({
    sources: [{ unavailableMs: () => (source.sinceMs === undefined ? 0 : clock.monotonicMs() - source.sinceMs) }],
    catchUp() {
      const pass = Promise.withResolvers<void>();
      passes.push(pass);
      return pass.promise;
    },
    onChange: () => told.push(staleness.isStale),
    clock,
  });
  return {
    ...{ clock, passes, told, staleness },
    leave: () => {
      source.sinceMs = clock.monotonicMs();
    },
    comeBack: () => {
      source.sinceMs = undefined;
    },
  };
}

describe("dots", () => {
  test("are stale when a source is unavailable for more than 5 s, reported once", async () => {
    const { clock, told, leave } = scene();
    leave();
    await clock.advance(5_000);
    assert.deepEqual(told, []);
    await clock.advance(60_000);
    assert.deepEqual(told, [true]);
  });

  test("are not stale after short outages, however many there are", async () => {
    const { clock, told, leave, comeBack } = scene();
    for (let blip = 0; blip < 10; blip++) {
      leave();
      await clock.advance(4_500);
      comeBack();
      await clock.advance(500);
    }
    assert.deepEqual(told, []);
  });

  test("are current again only when all users were looked up after the source recovered", async () => {
    const { clock, passes, told, staleness, leave, comeBack } = scene();
    leave();
    await clock.advance(7_000);
    assert.equal(passes.length, 0);
    comeBack();
    await clock.advance(30_000);
    assert.deepEqual([told, passes.length], [[true], 1]);
    passes[0]?.resolve();
    await clock.advance(0);
    assert.deepEqual([told, staleness.episodes], [[true, false], 1]);
  });

  test("stay stale when the source fails again before all users were looked up", async () => {
    const { clock, passes, told, leave, comeBack } = scene();
    leave();
    await clock.advance(7_000);
    comeBack();
    await clock.advance(1_000);
    leave();
    await clock.advance(7_000);
    passes[0]?.resolve();
    await clock.advance(0);
    assert.deepEqual(told, [true]);
    comeBack();
    await clock.advance(1_000);
    passes[1]?.resolve();
    await clock.advance(0);
    assert.deepEqual(told, [true, false]);
  });
});

describe("what dots come from", () => {
  test("the feed is unavailable since it was first found not to listen", async () => {
    const clock = new FakeClock();
    let hears = true;
    const feed = new FeedSource({ isFeedListening: () => hears, clock });
    assert.equal(feed.unavailableMs(), 0);
    hears = false;
    await clock.advance(1_000);
    assert.equal(feed.unavailableMs(), 0);
    await clock.advance(1_000);
    assert.equal(feed.unavailableMs(), 1_000);
    hears = true;
    assert.equal(feed.unavailableMs(), 0);
  });

  test("presence is unavailable since the first call after its last answer, from any caller, failed or unanswered", async () => {
    const clock = new FakeClock();
    const answers: PromiseWithResolvers<LookupResult>[] = [];
    const presence = new LookupSource({
      lookup() {
        const answer = Promise.withResolvers<LookupResult>();
        answers.push(answer);
        return answer.promise;
      },
      clock,
    });
    const ask = () => presence.lookUp(["ann"]).catch(() => {});
    void ask();
    await clock.advance(3_000);
    assert.equal(presence.unavailableMs(), 3_000);
    answers[0]?.reject(new Error("away"));
    await clock.advance(1_000);
    void ask();
    void ask();
    await clock.advance(1_000);
    assert.equal(presence.unavailableMs(), 5_000);
    answers[2]?.resolve(nobody);
    await clock.advance(0);
    assert.equal(presence.unavailableMs(), 0);
  });

  test("presence that cannot read one user is available; one that refuses every user is not", async () => {
    const clock = new FakeClock();
    const unreadable = new Set(["eve"]);
    const presence = new LookupSource({
      async lookup(userIds) {
        if (userIds.some((userId) => unreadable.has(userId))) throw new LookupRefused("INTERNAL");
        return nobody;
      },
      clock,
    });
    const ask = async (...userIds: string[]) => {
      await presence.lookUp(userIds).catch(() => {});
      await clock.advance(1_000);
    };
    for (let times = 0; times < 3; times++) await ask("eve");
    assert.equal(presence.unavailableMs(), 0);
    await ask("ann", "eve");
    await ask("ann");
    assert.equal(presence.unavailableMs(), 0);
    unreadable.add("ann");
    for (let times = 0; times < 3; times++) for (const user of ["ann", "eve"]) await ask(user);
    assert.ok(presence.unavailableMs() >= 4_000);
  });
});
