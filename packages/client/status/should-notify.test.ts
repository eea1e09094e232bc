import assert from "node:assert/strict";
import { test } from "node:test";
import { Notify_Decision as Decision, Notify, type ShouldNotifyRequest } from "@realchat/presence-proto/presence";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { seed } from "@realchat/presence-testing";
import fc from "fast-check";
import type { PresenceApi } from "../grpc/presence-channels.ts";
import { away } from "../testing/scripted-presence.ts";
import { shouldNotify } from "./should-notify.ts";

/** Presence that answers as the test says. */
function answering(answer: (userIds: readonly string[]) => Promise<Partial<Notify>[]>) {
  const asked: string[][] = [];
  const api = {
    shouldNotify: async ({ userIds }: ShouldNotifyRequest) => {
      asked.push(userIds);
      return { users: (await answer(userIds)).map((notify) => Notify.fromPartial(notify)) };
    },
  } as unknown as PresenceApi;
  return { asked, channels: { api } };
}

test("each is told apart, in the order asked, and asked for once", async () => {
  const { asked, channels } = answering(async () => [
    { userId: "bob", decision: Decision.NOT, reason: "active" },
    { userId: "cid", decision: Decision.LATER, after: { seconds: 1, nanos: 500_000_001 }, reason: "attended" },
    { userId: "alice", decision: Decision.NOW, reason: "absent" },
  ]);
  assert.deepEqual(await shouldNotify(channels, ["alice", "bob", "cid", "bob"]), [
    { userId: "alice", decision: "now", reason: "absent" },
    { userId: "bob", decision: "not", reason: "active" },
    { userId: "cid", decision: "later", afterMs: 1_501, reason: "attended" },
    { userId: "bob", decision: "not", reason: "active" },
  ]);
  assert.deepEqual(asked, [["alice", "bob", "cid"]]);
});

test("who cannot be asked for, since it is no id, keeps the answer from nobody else", async () => {
  const { asked, channels } = answering(async (userIds) =>
    userIds.map((userId) => ({ userId, decision: Decision.NOT, reason: "active" })),
  );
  const [bad, good] = await shouldNotify(channels, ["", "bob"]);
  assert.deepEqual([bad?.decision, good?.decision, asked], ["now", "not", [["bob"]]]);
});

test("presence that does not answer in time is not waited for", async () => {
  const clock = new FakeClock();
  const { channels } = answering(() => new Promise(() => {}));
  const asking = shouldNotify(channels, ["alice"], { timeoutMs: 500, clock });
  await clock.advance(500);
  assert.deepEqual(await asking, [{ userId: "alice", decision: "now", reason: "unanswered" }]);
});

test("nobody who attends nowhere is ever left out, whatever presence says and fails to say", async () => {
  const user = fc.record({ id: fc.integer({ min: 0, max: 2_500 }), attends: fc.boolean() });
  const fault = fc.constantFrom("none", "away", "throws", "silent", "shuffled", "cut short", "garbled", "nothing");
  const check = async (users: readonly { id: number; attends: boolean }[], faults: readonly string[]) => {
    const attending = new Set(users.filter(({ attends }) => attends).map(({ id }) => `u${id}`));
    let call = 0;
    const clock = new FakeClock();
    const { channels } = answering((userIds) => {
      const fault = faults[call++ % faults.length];
      if (fault === "throws") throw new TypeError("no such thing");
      if (fault === "away") return Promise.reject(away);
      if (fault === "silent") return new Promise(() => {});
      if (fault === "nothing") return Promise.resolve([]);
      const answers = userIds.map((userId) => ({
        ...{ userId, reason: "" },
        decision: attending.has(userId) ? Decision.NOT : fault === "garbled" ? (9 as Decision) : Decision.NOW,
      }));
      return Promise.resolve(
        fault === "shuffled" ? answers.toReversed() : fault === "cut short" ? answers.slice(1) : answers,
      );
    });
    const asking = shouldNotify(
      channels,
      users.map(({ id }) => `u${id}`),
      { clock },
    );
    await clock.advance(1_000);
    const decisions = await asking;
    assert.deepEqual(
      decisions.map(({ userId }) => userId),
      users.map(({ id }) => `u${id}`),
    );
    for (const { userId, decision } of decisions) assert.ok(attending.has(userId) || decision === "now", userId);
    if (faults.every((one) => one === "none"))
      for (const { userId, decision } of decisions) assert.equal(decision, attending.has(userId) ? "not" : "now");
  };
  const many = fc.array(user, { maxLength: 20 });
  const pages = fc.array(fault, { minLength: 1, maxLength: 3 });
  await fc.assert(fc.asyncProperty(many, pages, check), { seed: seed(), numRuns: 300 });
});
