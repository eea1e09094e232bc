import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { EventEnvelope, EventType } from "@realchat/presence-proto/events";
import { PresenceResetEvent, PresenceStatus, type UserPresence } from "@realchat/presence-proto/presence";
import { ContractReader } from "./contract-reader.ts";

/** A reader of two partitions, and what it saw change: `+ann@1`. */
function reading() {
  const seen: string[] = [];
  const reader = new ContractReader({
    partitions: 2,
    onChange: ({ userId, online, version }) => seen.push(`${online ? "+" : "-"}${userId}@${version}`),
  });
  const event = (partition: number, userId: string, version: number, online = true, shard = 1) => {
    const status = online ? PresenceStatus.PRESENCE_STATUS_ONLINE : PresenceStatus.PRESENCE_STATUS_OFFLINE;
    reader.event(partition, { userId, status, version, shard });
  };
  const answer = (userId: string, version: number, online: boolean, more: Partial<UserPresence> = {}) =>
    reader.answer({
      presences: [view(userId, version, online, more)],
      recovering: false,
      lastSeenRetention: undefined,
      data: [],
    });
  const whileRecovering = (userId: string, version: number, online: boolean) =>
    reader.answer({
      presences: [view(userId, version, online)],
      recovering: true,
      lastSeenRetention: undefined,
      data: [],
    });
  return { reader, seen, event, answer, whileRecovering };
}

function view(userId: string, version: number, online: boolean, more: Partial<UserPresence> = {}): UserPresence {
  const plain = { deviceIds: [], lastSeenAt: undefined, shard: 1, status: undefined, unknown: false };
  return { userId, online, version, ...plain, ...more };
}

describe("a reader of the contract", () => {
  test("takes what is newer, from wherever it comes, and a repetition for nothing", () => {
    const { seen, event, answer } = reading();
    event(0, "ann", 5);
    event(0, "ann", 4, false);
    event(0, "ann", 5);
    answer("ann", 7, false);
    event(0, "ann", 6);
    assert.deepEqual(seen, ["+ann@5", "-ann@7"]);
  });

  test("a reset takes down whom its partition knows below begin, at begin, and nobody else", () => {
    const { reader, seen, event } = reading();
    event(0, "ann", 1);
    event(1, "bob", 1);
    event(0, "cid", 1, true, 2);
    event(0, "dan", 101);
    reader.reset(0, { shard: 1, begin: 100 });
    assert.deepEqual(seen.slice(4), ["-ann@100"]);
    assert.deepEqual(reader.onlineUsers, ["bob", "cid", "dan"]);
    reader.reset(1, { shard: 1, begin: 100 });
    assert.deepEqual(seen.slice(5), ["-bob@100"]);
  });

  test("who was restated does not flicker", () => {
    const { reader, seen, event } = reading();
    event(0, "ann", 1);
    event(0, "ann", 101);
    reader.reset(0, { shard: 1, begin: 100 });
    assert.deepEqual(seen, ["+ann@1"]);
  });

  test("what a frozen publisher wrote before the loss is ignored after the reset, of known users and others", () => {
    const { reader, seen, event } = reading();
    event(0, "ann", 1);
    reader.reset(0, { shard: 1, begin: 100 });
    event(0, "ann", 2);
    event(0, "eve", 3);
    event(1, "bob", 3);
    assert.deepEqual(seen, ["+ann@1", "-ann@100", "+bob@3"]);
  });

  test("whom it knows from answers alone is taken down once all partitions have reset", () => {
    const { reader, seen, answer } = reading();
    answer("ann", 1, true);
    reader.reset(0, { shard: 1, begin: 100 });
    assert.deepEqual(seen, ["+ann@1"]);
    reader.reset(1, { shard: 1, begin: 200 });
    assert.deepEqual(seen, ["+ann@1", "-ann@100"], "at the begin that all partitions have reached");
  });

  test("an answer from before the loss that comes after all resets turns nobody green", () => {
    const { reader, seen, answer, event } = reading();
    reader.reset(0, { shard: 1, begin: 100 });
    answer("ann", 1, true);
    reader.reset(1, { shard: 1, begin: 100 });
    answer("bob", 1, true);
    event(0, "ann", 101);
    assert.deepEqual(seen, ["+ann@1", "-ann@100", "-bob@100", "+ann@101"]);
  });

  test("while the store recovers, offline is no news: not of the known, not of the unknown", () => {
    const { reader, seen, event, whileRecovering } = reading();
    event(0, "ann", 1);
    assert.deepEqual(whileRecovering("ann", 150, false), ["ann"]);
    assert.deepEqual(whileRecovering("bob", 150, false), ["bob"]);
    assert.deepEqual(whileRecovering("cid", 120, true), []);
    assert.deepEqual([reader.isOnline("ann"), reader.isOnline("bob")], [true, undefined]);
    event(0, "bob", 140);
    assert.deepEqual(seen, ["+ann@1", "+cid@120", "+bob@140"]);
  });

  test("while the store recovers again, what it brings back from before its first loss is no news either", () => {
    const { reader, whileRecovering, answer } = reading();
    for (const partition of [0, 1]) reader.reset(partition, { shard: 1, begin: 100 });
    assert.deepEqual(whileRecovering("ann", 50, true), ["ann"]);
    assert.equal(reader.isOnline("ann"), undefined);
    assert.deepEqual(answer("ann", 50, true), []);
    assert.equal(reader.isOnline("ann"), false);
  });

  test("of whom nothing can be read, it keeps what it has", () => {
    const { reader, event, answer } = reading();
    event(0, "ann", 1);
    assert.deepEqual(answer("ann", 0, false, { unknown: true }), ["ann"]);
    assert.deepEqual(reader.onlineUsers, ["ann"]);
  });

  test("resets are repeated, and older ones come late, without effect", () => {
    const { reader, seen, event } = reading();
    reader.reset(0, { shard: 1, begin: 200 });
    reader.reset(0, { shard: 1, begin: 100 });
    event(0, "ann", 150);
    event(0, "ann", 201);
    reader.reset(0, { shard: 1, begin: 200 });
    assert.deepEqual(seen, ["+ann@201"]);
    assert.equal(reader.versionOf("ann"), 201);
  });

  test("when the topic has grown, whom it knew by an old partition waits for all", () => {
    const { reader, seen, event } = reading();
    event(0, "ann", 1);
    reader.repartitioned(3);
    for (const partition of [0, 1]) reader.reset(partition, { shard: 1, begin: 100 });
    event(2, "ann", 101);
    reader.reset(2, { shard: 1, begin: 100 });
    assert.deepEqual(seen, ["+ann@1"]);
  });

  test("records of other kinds are passed over", () => {
    const { reader, seen, event } = reading();
    const envelope = (eventType: EventEnvelope["eventType"]) =>
      EventEnvelope.encode(
        EventEnvelope.fromPartial({
          eventType,
          payload: Buffer.from(PresenceResetEvent.encode({ shard: 1, begin: 100 }).finish()),
        }),
      ).finish();
    event(0, "ann", 1);
    reader.record(0, envelope(EventType.EVENT_TYPE_MESSAGE_SENT));
    assert.deepEqual(seen, ["+ann@1"]);
    reader.record(0, envelope(EventType.EVENT_TYPE_PRESENCE_RESET));
    assert.deepEqual(seen, ["+ann@1", "-ann@100"]);
  });
});
