import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { transitionsIn } from "../domain/log-entry.ts";
import { defaultRules } from "../domain/rules.ts";
import { createMemoryStore } from "../store/memory/memory-store.ts";
import { ShardWork } from "./shard-work.ts";
import { ScriptedPublisher } from "./testing/scripted-publisher.ts";

const nothing = () => {};
/** What nobody listens to. */
const silent = {
  ...{ onEntry: nothing, onDevicesChanged: nothing, onMended: nothing, onOverflow: nothing, onGap: nothing },
  ...{ onRestating: nothing, onRestated: nothing, onRecovering: nothing, onRecovered: nothing },
  ...{ onLeaseNotice: nothing, onNoticesMissed: nothing },
};

test("those who watch are told when a shard begins to recover, and when it has, and of what was missed (P8)", async () => {
  const clock = new FakeClock();
  const store = createMemoryStore({ rules: defaultRules, retentionMs: 3_600_000, logMaxEntries: 100 }, clock);
  await store.open();
  const { tick } = store;
  let [recoveringMs, begin] = [0, 0];
  let hasGap = false;
  store.tick = async (...args) => ({ ...(await tick.apply(store, args)), recoveringMs, begin });
  store.isRecovering = () => recoveringMs > 0;
  store.readLog = async () => ({ entries: [], gap: hasGap });
  const told: string[] = [];
  let missed = 0;
  const work = new ShardWork({
    ...{ store, publishers: [], nodeId: "node", ttlMs: 60_000, clock },
    ...silent,
    onRecovering: (shard) => told.push(`recovering ${shard}`),
    onRecovered: (shard) => told.push(`recovered ${shard}`),
    onNoticesMissed: () => missed++,
    onGap: (shard) => told.push(`gap ${shard}`),
  });
  let missSome = nothing;
  store.follow = (_shard, listener) => {
    missSome = () => listener.interrupted();
    return nothing;
  };
  work.start();
  await clock.advance(1_000);
  hasGap = true;
  [recoveringMs, begin] = [500, 1];
  missSome();
  await clock.advance(0);
  assert.deepEqual(told.splice(0), ["recovering 0"], "before the next tick");
  await clock.advance(1_000);
  assert.deepEqual(told.splice(0), []);
  begin = 2;
  await clock.advance(1_000);
  assert.deepEqual(told.splice(0), ["recovering 0"], "once more, for it lost data again");
  hasGap = false;
  recoveringMs = 0;
  await clock.advance(1_000);
  assert.deepEqual(told.splice(0), ["recovered 0"]);
  hasGap = true;
  missSome();
  await clock.advance(0);
  assert.deepEqual(told, ["gap 0"]);
  assert.equal(missed, 2, "whatever is in no log");
  await work.stop();
});

test("what is logged before a node knows where the log ends is published, though its share was read already (P4)", async () => {
  const clock = new FakeClock();
  const store = createMemoryStore({ rules: defaultRules, retentionMs: 3_600_000, logMaxEntries: 100 }, clock);
  await store.open();
  const asked = Promise.withResolvers<void>();
  const { lastVersion } = store;
  store.lastVersion = async (...args) => {
    await asked.promise;
    return await lastVersion.apply(store, args);
  };
  const broker = new ScriptedPublisher();
  const work = new ShardWork({ ...silent, store, publishers: [broker], nodeId: "node", ttlMs: 60_000, clock });
  work.start();
  await clock.advance(1_000);
  const ids = { userId: "alice", deviceId: "phone", instanceId: "gateway-1" };
  await store.register({ ...ids, connectionId: "", previousSessionId: "" });
  asked.resolve();
  await clock.advance(1_000);
  assert.deepEqual(
    transitionsIn(broker.accepted).map(({ userId }) => userId),
    ["alice"],
  );
  await work.stop();
});
