import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { type CompleteMark, isMark, type PublishedEntry, transitionsIn } from "../domain/log-entry.ts";
import { defaultRules } from "../domain/rules.ts";
import { createMemoryStore } from "../store/memory/memory-store.ts";
import type { PresenceStore } from "../store/store.ts";
import { ShardWork } from "./shard-work.ts";
import { ScriptedPublisher } from "./testing/scripted-publisher.ts";

const logMaxEntries = 400;

/** Who is online, for a consumer that follows the contract. */
function onlineFor(entries: readonly PublishedEntry[]): string[] {
  const users = new Map<string, { online: boolean; version: number }>();
  let floor = 0;
  for (const entry of entries) {
    if (!isMark(entry)) {
      if (entry.version > (users.get(entry.userId)?.version ?? 0) && entry.version >= floor)
        users.set(entry.userId, entry);
      continue;
    }
    floor = Math.max(floor, entry.begin);
    for (const [userId, { version }] of users)
      if (version < floor) users.set(userId, { online: false, version: floor });
  }
  return [...users].flatMap(([userId, { online }]) => (online ? [userId] : [])).sort();
}

const resetsOf = (entries: readonly PublishedEntry[]) => entries.filter((entry) => "mark" in entry);

describe("a log that ran over before it was published", () => {
  let clock: FakeClock;
  let store: PresenceStore;
  let works: ShardWork[];
  let overflows: string[];
  const session = { deviceId: "phone", instanceId: "gateway-1", connectionId: "", previousSessionId: "" };
  const come = (...userIds: string[]) => Promise.all(userIds.map((userId) => store.register({ ...session, userId })));
  const leave = (...userIds: string[]) =>
    Promise.all(
      userIds.map((userId) => store.unregister({ userId, deviceId: "phone", sessionId: "", reason: "UNSPECIFIED" })),
    );
  const named = (name: string, count: number) => Array.from({ length: count }, (_, index) => `${name}-${index}`);

  beforeEach(async () => {
    clock = new FakeClock();
    const rules = { ...defaultRules, ttlMs: 3_600_000 };
    store = createMemoryStore({ rules, retentionMs: 3_600_000, logMaxEntries }, clock);
    await store.open();
    works = [];
    overflows = [];
  });
  afterEach(() => Promise.all(works.map((work) => work.stop())));

  function start(...publishers: ScriptedPublisher[]): ShardWork {
    const nothing = () => {};
    const work = new ShardWork({
      ...{ store, publishers, nodeId: `node-${works.length}`, ttlMs: 3_600_000, clock },
      ...{
        onEntry: nothing,
        onDevicesChanged: nothing,
        onLeaseNotice: nothing,
        onNoticesMissed: nothing,
        onGap: nothing,
        onMended: nothing,
      },
      ...{ onRestating: nothing, onRecovering: nothing, onRecovered: nothing, onRestated: nothing },
      onOverflow: (_shard, publisher) => overflows.push(publisher),
    });
    works.push(work);
    work.start();
    return work;
  }

  /** Two stay; twenty left, and so many came and went since that neither the log nor an outbox has anything of that. */
  async function runOver(...away: ScriptedPublisher[]): Promise<void> {
    await come("anna", "ben", ...named("leaver", 20));
    await clock.advance(500);
    for (const broker of away) broker.refuse = true;
    await leave(...named("leaver", 20));
    await come("newcomer");
    for (let turn = 0; turn < 3; turn++) {
      await come(...named(`passer-${turn}`, 300));
      await leave(...named(`passer-${turn}`, 300));
      await clock.advance(1_000);
    }
    for (const broker of away) broker.refuse = false;
  }

  test("is made good: all who are online are restated, then the shard is reset (P4, P8)", async () => {
    const broker = new ScriptedPublisher();
    start(broker);
    await runOver(broker);
    assert.equal(onlineFor(broker.accepted).length, 22, "it knows nothing of those who left");
    await clock.advance(5_000);
    assert.deepEqual(onlineFor(broker.accepted), ["anna", "ben", "newcomer"]);
    assert.deepEqual(overflows, ["kafka"]);
    const [{ begin }] = resetsOf(broker.accepted) as [CompleteMark];
    const restated = transitionsIn(broker.accepted).filter(({ cause }) => cause === "RESTATED");
    assert.deepEqual(restated.map(({ userId }) => userId).sort(), ["anna", "ben", "newcomer"]);
    assert(restated.every(({ version }) => version > begin));
    await clock.advance(60_000);
    assert.equal(broker.accepted.filter(isMark).length, 1, "once is enough");
  });

  test("is made good for two publishers by one begin", async () => {
    const [kafka, pubsub] = [new ScriptedPublisher("kafka"), new ScriptedPublisher("redis-pubsub")];
    start(kafka, pubsub);
    await runOver(kafka, pubsub);
    await clock.advance(10_000);
    assert.deepEqual(overflows.sort(), ["kafka", "redis-pubsub"]);
    for (const { accepted } of [kafka, pubsub]) {
      assert.deepEqual(onlineFor(accepted), ["anna", "ben", "newcomer"]);
      assert.equal(accepted.filter(isMark).length, 1);
    }
  });

  test("is made good by the node that takes over", async () => {
    const [first, second] = [new ScriptedPublisher(), new ScriptedPublisher()];
    const work = start(first);
    await runOver(first);
    await clock.advance(200);
    await work.stop();
    start(second);
    await clock.advance(10_000);
    assert.deepEqual(onlineFor([...first.accepted, ...second.accepted]), ["anna", "ben", "newcomer"]);
  });

  test("is made good when it ran over while the node heard no announcements", async () => {
    const { follow } = store;
    store.follow = (shard, listener) => follow.call(store, shard, { ...listener, entry() {} });
    const broker = new ScriptedPublisher();
    start(broker);
    await runOver();
    await clock.advance(10_000);
    assert.deepEqual(onlineFor(broker.accepted), ["anna", "ben", "newcomer"]);
    assert(overflows.length > 0, "it was noticed");
  });

  test("a reset is not published any more when the log ran over again behind it (P8)", async () => {
    const broker = new ScriptedPublisher();
    start(broker);
    await runOver(broker);
    await clock.advance(5_000);
    broker.accepted = [];
    broker.refuse = true;
    const lease = await store.claim(0, "node-0", 60_000);
    assert(lease !== undefined);
    const begin = await store.beginRestating(0, lease.fence);
    assert(begin !== undefined);
    const duty = { begin, fence: lease.fence };
    for (let cursor = "", isFirst = true; isFirst || cursor !== ""; isFirst = false) {
      cursor = (await store.restate(cursor, new Map([[0, duty]]))).cursor;
    }
    // As if all restated were trimmed, and the mark were not.
    await come(...named("late", 1_200));
    await store.completeRestating(0, duty);
    await leave(...named("late", 300));
    const { entries } = await store.readLog(0, 0, 1_000);
    assert(entries.some((entry) => isMark(entry) && entry.mark === "complete" && entry.begin === begin));
    broker.refuse = false;
    await clock.advance(10_000);
    const resets = resetsOf(broker.accepted);
    assert(resets.length > 0 && resets.every((reset) => reset.begin > begin));
  });
});
