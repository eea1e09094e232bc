import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { seed } from "@realchat/presence-testing";
import { defaultRules } from "../domain/rules.ts";
import { InterleavingHarness } from "../testing/interleavings/interleaving-harness.ts";
import { refresh } from "../testing/interleavings/nodes.ts";
import { seededRandom } from "../testing/interleavings/random.ts";
import { RandomUser } from "../testing/interleavings/random-user.ts";
import { SteadyUser } from "../testing/interleavings/steady-user.ts";

/** Each user's round is an interleaving of its own: 5,000 of them or more. */
const waves = 8;
const usersPerWave = 300;
const roundsPerWave = 8;
const losses = 15;
const rules = defaultRules;

describe("random calls that overlap, on two nodes that share a Redis", () => {
  let harness: InterleavingHarness;
  before(async () => {
    harness = await InterleavingHarness.open(rules);
  });
  after(() => harness.close());

  test(`${waves * usersPerWave * roundsPerWave} interleavings, with lost replies and retries, keep P1, P2, P3 and P7`, async () => {
    const random = seededRandom(seed());
    for (let wave = 0; wave < waves; wave++) {
      const users = Array.from(
        { length: usersPerWave },
        (_, index) => new RandomUser(`user-${wave}-${index}`, random.below(2 ** 31), rules),
      );
      for (let round = 0; round < roundsPerWave; round++) {
        await playRound(harness, users, {
          elapseMs: random.pick([0, 2_000, 10_000, 25_000]),
          cut: random.chance(0.25),
        });
      }
    }
  });

  test("a heartbeat that was in flight for longer than a TTL shortens no session (P1)", async () => {
    const [one, other] = harness.nodes;
    // Both nodes know the shard clock then, so the heartbeat does not have to read it.
    await harness.round(() => [], { elapseMs: 1_000, cut: false });
    const registration = { userId: "anna", deviceId: "phone", instanceId: "gateway", connectionId: "socket" };
    const registered = await one.register({ ...registration, previousSessionId: "" });
    assert(registered.kind === "registered");
    const session = { ...registration, sessionId: registered.sessionId };
    let late: Promise<string> | undefined;
    await harness.whileStalled(async () => {
      late = refresh(other, session);
      for (let passedMs = 0; passedMs <= rules.ttlMs; passedMs += 30_000) {
        await harness.elapseForFirst(30_000);
        assert.equal(await refresh(one, session), "refreshed");
      }
    });
    assert.equal(await late, "refreshed");
    await harness.round(() => [], { elapseMs: 0, cut: false });
    const entries = (await harness.newEntries()).get(session.userId);
    assert.deepEqual(
      entries?.map(({ online }) => online),
      [true],
    );
  });

  test("over a link that flaps, the heartbeats of its node's callers count as long as ticks get through (P1)", async () => {
    const random = seededRandom(seed());
    const [stable, shaky] = harness.nodes;
    const users = Array.from({ length: 200 }, (_, index) => ({ userId: `flap-${index}`, deviceId: "phone" }));
    const sessions = await Promise.all(
      users.map(async (user, index) => {
        const connectionId = index % 2 === 0 ? "" : "socket";
        const registration = { ...user, instanceId: "gateway", connectionId, previousSessionId: "" };
        const registered = await (index % 3 === 0 ? shaky : stable).register(registration);
        assert(registered.kind === "registered");
        return { ...user, sessionId: connectionId === "" ? "" : registered.sessionId };
      }),
    );
    let unconfirmed = 0;
    const beat = (session: (typeof sessions)[number]) =>
      refresh(shaky, session).catch(() => {
        unconfirmed++;
      });
    await harness.whileFlapping(0.05, random, async () => {
      for (let passedMs = 0; passedMs < 3 * rules.ttlMs; passedMs += 20_000) {
        // Some at once, some one after the other, some while there is no connection.
        for (let start = 0; start < sessions.length; start += 10) {
          await Promise.all(sessions.slice(start, start + 10).map(beat));
        }
        await harness.tickSecond();
        await harness.elapseForFirst(20_000);
      }
    });
    assert(unconfirmed > sessions.length, `the link flapped: ${unconfirmed} heartbeats were not confirmed`);
    const entries = await harness.newEntries();
    const left = users.filter(({ userId }) => entries.get(userId)?.some(({ online }) => !online));
    assert.deepEqual(left, []);
  });

  test("after the last call all sessions expire and nothing is left (P2)", async () => {
    for (let passedMs = 0; passedMs < 2 * rules.ttlMs; passedMs += 30_000) {
      await harness.round(() => [], { elapseMs: 30_000, cut: false });
    }
    assert.deepEqual(await harness.count(), { sessions: 0, usersOnline: 0 });
    const last = new Map([...(await harness.newEntries())].map(([userId, entries]) => [userId, entries.at(-1)]));
    assert(last.size > 0, "some were left to expire");
    for (const [userId, entry] of last) assert.equal(entry?.online, false, userId);
  });

  test(`among ${losses} losses at random moments, who is there is never offline, and comes back (P1, P3, P7, P8)`, async () => {
    const random = seededRandom(seed());
    const { nodes } = harness;
    const users = Array.from(
      { length: 200 },
      (_, index) => new SteadyUser(`steady-${index}`, index % 2 === 0 ? "legacy" : "tokens"),
    );
    await Promise.all(users.map((user) => user.enter(nodes, random)));
    for (let round = 0; round < 3 * losses; round++) {
      const loss = round % 3 === 0 ? random.pick(["all data", "no data"] as const) : undefined;
      const options = { elapseMs: random.pick([0, 2_000, 15_000]), cut: random.chance(0.25), loss };
      await harness.round(() => users.flatMap((user) => user.begin(nodes, random)), options);
      const news = await harness.newEntries();
      const views = await harness.views(users.map(({ userId }) => userId));
      for (const [index, user] of users.entries()) {
        const seen = (views[index] ?? []).map((view, node) => ({
          view,
          isRecovering: nodes[node]?.isRecovering(harness.shardOf(user.userId)) ?? false,
        }));
        user.end(news.get(user.userId) ?? [], seen, { isBack: loss === undefined });
      }
    }
  });
});

async function playRound(
  harness: InterleavingHarness,
  users: readonly RandomUser[],
  options: { elapseMs: number; cut: boolean },
): Promise<void> {
  const rounds = await harness.round(() => users.flatMap((user) => user.begin(harness.nodes)), options);
  const [news, views] = await Promise.all([harness.newEntries(), harness.views(users.map(({ userId }) => userId))]);
  for (const [index, user] of users.entries()) {
    const round = rounds[harness.shardOf(user.userId)];
    const seen = views[index];
    assert(round !== undefined && seen !== undefined);
    user.end(round, news.get(user.userId) ?? [], seen);
  }
}
