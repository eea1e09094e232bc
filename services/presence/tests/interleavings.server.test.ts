import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { seed } from "@realchat/presence-testing";
import { defaultRules } from "../domain/decisions.ts";
import { refresh } from "./interleavings/nodes.ts";
import { PlayedUser } from "./interleavings/played-user.ts";
import { Playground } from "./interleavings/playground.ts";
import { seededRandom } from "./interleavings/random.ts";

/** Each user's round is an interleaving of its own: 5,000 of them or more. */
const waves = 8;
const usersPerWave = 300;
const roundsPerWave = 8;
const rules = defaultRules;

describe("random calls that overlap, on two nodes that share a Redis", () => {
  let playground: Playground;
  before(async () => {
    playground = await Playground.open(rules);
  });
  after(() => playground.close());

  test(`${waves * usersPerWave * roundsPerWave} interleavings, with lost replies and retries, keep P1, P2, P3 and P7`, async () => {
    const random = seededRandom(seed());
    for (let wave = 0; wave < waves; wave++) {
      const users = Array.from(
        { length: usersPerWave },
        (_, index) => new PlayedUser(`user-${wave}-${index}`, random.below(2 ** 31), rules),
      );
      for (let round = 0; round < roundsPerWave; round++) {
        await playRound(playground, users, {
          elapseMs: random.pick([0, 2_000, 10_000, 25_000]),
          cut: random.chance(0.25),
        });
      }
    }
  });

  test("a heartbeat that was on its way for longer than a TTL shortens nobody's life (P1)", async () => {
    const [one, other] = playground.nodes;
    // So that both know the shard's clock, and the heartbeat does not have to ask for it.
    await playground.round(() => [], { elapseMs: 1_000, cut: false });
    const registration = { userId: "anna", deviceId: "phone", instanceId: "gateway", connectionId: "socket" };
    const registered = await one.register({ ...registration, previousSessionId: "" });
    assert(registered.kind === "registered");
    const session = { ...registration, sessionId: registered.sessionId };
    let late: Promise<string> | undefined;
    await playground.whileStalled(async () => {
      late = refresh(other, session);
      for (let passedMs = 0; passedMs <= rules.ttlMs; passedMs += 30_000) {
        await playground.elapseForFirst(30_000);
        assert.equal(await refresh(one, session), "refreshed");
      }
    });
    assert.equal(await late, "refreshed");
    await playground.round(() => [], { elapseMs: 0, cut: false });
    const entries = (await playground.news()).get(session.userId);
    assert.deepEqual(
      entries?.map(({ online }) => online),
      [true],
    );
  });

  test("when all calls have ceased, nobody and nothing is left (P2)", async () => {
    for (let passedMs = 0; passedMs < 2 * rules.ttlMs; passedMs += 30_000) {
      await playground.round(() => [], { elapseMs: 30_000, cut: false });
    }
    assert.deepEqual(await playground.count(), { sessions: 0, usersOnline: 0 });
    const last = new Map([...(await playground.news())].map(([userId, entries]) => [userId, entries.at(-1)]));
    assert(last.size > 0, "some were left to expire");
    for (const [userId, entry] of last) assert.equal(entry?.online, false, userId);
  });
});

async function playRound(
  playground: Playground,
  users: readonly PlayedUser[],
  options: { elapseMs: number; cut: boolean },
): Promise<void> {
  const rounds = await playground.round(() => users.flatMap((user) => user.begin(playground.nodes)), options);
  const [news, views] = await Promise.all([playground.news(), playground.views(users.map(({ userId }) => userId))]);
  for (const [index, user] of users.entries()) {
    const round = rounds[playground.shardOf(user.userId)];
    const seen = views[index];
    assert(round !== undefined && seen !== undefined);
    user.end(round, news.get(user.userId) ?? [], seen);
  }
}
