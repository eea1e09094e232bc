import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { defaultRules } from "../domain/decisions.ts";
import { createMemoryStore } from "../store/memory/memory-store.ts";
import { ShardWork } from "./shard-work.ts";

test("those who watch are told when a shard begins to recover, and when it has; a gap meanwhile waits for that (P8)", async () => {
  const clock = new FakeClock();
  const store = createMemoryStore({ rules: defaultRules, retentionMs: 3_600_000, logMaxEntries: 100 }, clock);
  await store.open();
  const { tick } = store;
  let recoveringMs = 0;
  let hasGap = false;
  store.tick = async (...args) => ({ ...(await tick.apply(store, args)), recoveringMs });
  store.isRecovering = () => recoveringMs > 0;
  store.readLog = async () => ({ entries: [], gap: hasGap });
  const told: string[] = [];
  const nothing = () => {};
  const work = new ShardWork({
    ...{ store, publishers: [], nodeId: "node", ttlMs: 60_000, clock },
    ...{ onEntry: nothing, onDevicesChanged: nothing, onMended: nothing, onOverflow: nothing },
    ...{ onRestating: nothing, onRestated: nothing },
    onRecovering: (shard) => told.push(`recovering ${shard}`),
    onRecovered: (shard) => told.push(`recovered ${shard}`),
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
  recoveringMs = 500;
  missSome();
  await clock.advance(0);
  assert.deepEqual(told.splice(0), ["recovering 0"], "before the next tick");
  await clock.advance(1_000);
  assert.deepEqual(told.splice(0), []);
  hasGap = false;
  recoveringMs = 0;
  await clock.advance(1_000);
  assert.deepEqual(told.splice(0), ["recovered 0"]);
  hasGap = true;
  missSome();
  await clock.advance(0);
  assert.deepEqual(told, ["gap 0"]);
  await work.stop();
});
