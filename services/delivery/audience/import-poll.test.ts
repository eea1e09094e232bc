import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { ImportPoll } from "./import-poll.ts";
import { FlakyDirectory } from "./testing/flaky-directory.ts";
import { RecordedListener } from "./testing/recorded-listener.ts";

const room = { kind: "conversation", at: 1, conversationId: "room", participants: ["ann", "bob"] } as const;
const origin = { source: "topic:0", after: undefined, upTo: { offset: 0, at: 2 } };

test("what another process imported has all pairs looked at; what comes from a source, or changes nothing, has not", async () => {
  const clock = new FakeClock();
  const directory = new FlakyDirectory();
  const listener = new RecordedListener();
  const watch = new ImportPoll(directory, listener, clock);
  watch.start();
  await clock.advance(1_000);
  await directory.apply({ origin, changes: [{ ...room, at: 2 }] });
  await directory.apply({ changes: [room] });
  await clock.advance(1_000);
  assert.equal(listener.recheckAllCalls, 0);
  await directory.apply({ changes: [{ ...room, participants: ["cid"] }] });
  await clock.advance(1_000);
  assert.equal(listener.recheckAllCalls, 1);
  directory.isAway = true;
  await clock.advance(3_000);
  directory.isAway = false;
  directory.loseData();
  await clock.advance(3_000);
  assert.equal(listener.recheckAllCalls, 2);
  watch.stop();
  await directory.apply({ changes: [room] });
  await clock.advance(3_000);
  assert.equal(listener.recheckAllCalls, 2);
});

test("policies that another process changed are told by name, or, where these are too many, all are looked at", async () => {
  const clock = new FakeClock();
  const directory = new FlakyDirectory();
  const listener = new RecordedListener();
  const watch = new ImportPoll(directory, listener, clock);
  watch.start();
  await clock.advance(1_000);
  directory.policyChanges = { count: 2, latest: ["bob", "ann"] };
  await clock.advance(2_000);
  assert.deepEqual(listener.policyOwners, ["bob", "ann"]);
  assert.equal(listener.recheckAllCalls, 0);
  directory.policyChanges = { count: 5, latest: ["dan", "cid"] };
  await clock.advance(1_000);
  assert.equal(listener.recheckAllCalls, 1);
  watch.stop();
});
