import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { PresenceClientError } from "../presence-client-error.ts";
import { away, type Call, ScriptedPresence } from "../testing/scripted-presence.ts";
import type { KeeperLimits } from "./keeper-options.ts";
import type { SessionHandle } from "./session-handle.ts";
import { SessionKeeper } from "./session-keeper.ts";

const intervalMs = 20_000;
const ttlMs = 60_000;
/** What a full Redis, a record of a wrong type, or one shard that is away is told as. */
const refused = { when: "before", error: away } as const;

/** A gateway whose sessions are all online. */
async function gatewayAt(
  isBatching: boolean,
  { sessions = 100, limits = {} }: { sessions?: number; limits?: Partial<KeeperLimits> },
) {
  const clock = new FakeClock({ seed: 5 });
  const presence = new ScriptedPresence(clock, { isBatching });
  const keeper = new SessionKeeper({ channels: presence, instanceId: "gw-1", clock, limits });
  const handles = Array.from({ length: sessions }, (_, user) => keeper.open({ userId: `u${user}`, deviceId: "d" }));
  await clock.advance(2_000);
  assert.ok(handles.every(({ state }) => state === "online"));
  presence.calls.length = 0;
  return { clock, presence, keeper, handles, sinceMs: clock.monotonicMs() };
}

const ofUser = (...names: string[]) => {
  const users = new Set(names);
  return ({ request }: Call) => "userId" in request && users.has(request.userId);
};

/** The longest time that one of these went without a heartbeat, ms. */
function longestSilenceMs(
  { presence, clock, sinceMs }: Pick<Awaited<ReturnType<typeof gatewayAt>>, "presence" | "clock" | "sinceMs">,
  handles: readonly SessionHandle[],
  isAnswered: (batch: readonly { userId: string }[]) => boolean = () => true,
): number {
  const last = new Map(handles.map(({ userId }) => [userId, sinceMs]));
  let longestMs = 0;
  for (const { atMs, request } of presence.ofKind("refresh")) {
    if (atMs < sinceMs || !isAnswered(request.sessions)) continue;
    for (const { userId } of request.sessions) {
      const beforeMs = last.get(userId);
      if (beforeMs === undefined) continue;
      longestMs = Math.max(longestMs, atMs - beforeMs);
      last.set(userId, atMs);
    }
  }
  return Math.max(longestMs, ...[...last.values()].map((atMs) => clock.monotonicMs() - atMs));
}

for (const isBatching of [true, false]) {
  describe(isBatching ? "at a presence that takes many at once" : "at a presence that takes calls one by one", () => {
    const gateway = (options: Parameters<typeof gatewayAt>[1] = {}) => gatewayAt(isBatching, options);

    describe("a method that fails", () => {
      test("Register: heartbeats go on as ever, and so do the ends of sessions (P1)", async () => {
        const stage = await gateway();
        const { clock, presence, keeper, handles } = stage;
        presence.fault = ({ kind }) => (kind === "register" ? refused : undefined);
        const newcomer = keeper.open({ userId: "new", deviceId: "d" });
        await clock.advance(2 * ttlMs);
        const leaving = handles.splice(0, 5);
        const closed = leaving.map((handle) => handle.close("logged-out"));
        await clock.advance(1_000);
        await Promise.all(closed);
        assert.ok(leaving.every(({ state }) => state === "closed"));
        await clock.advance(2 * ttlMs);
        assert.ok(longestSilenceMs(stage, handles) <= intervalMs * 1.2, `${longestSilenceMs(stage, handles)} ms`);
        const { reachable, outages } = keeper.metrics();
        assert.deepEqual({ reachable, outages }, { reachable: true, outages: 0 });
        assert.equal(newcomer.state, "registering");
        presence.serveAgain();
        await clock.advance(5_000);
        assert.equal(newcomer.state, "online");
      });

      test("Register, with a crowd that arrives: heartbeats go on, and what is tried again is bounded (P6)", async () => {
        const stage = await gateway({ limits: { callsPerSecond: 100, callsMax: 8 } });
        const { clock, presence, keeper, handles } = stage;
        presence.fault = ({ kind }) => (kind === "register" ? refused : undefined);
        for (let user = 0; user < 2_000; user++) keeper.open({ userId: `new-${user}`, deviceId: "d" });
        await clock.advance(3 * ttlMs);
        assert.ok(longestSilenceMs(stage, handles) <= intervalMs * 1.2, `${longestSilenceMs(stage, handles)} ms`);
        const again = presence.ofKind("register").filter(({ atMs }) => atMs > stage.sinceMs + 60_000);
        assert.ok(again.length <= 120 * 30, `${again.length} registrations in vain in 120 s`);
        assert.ok(again.length >= 120, `${again.length}: nobody would notice its end`);
        presence.serveAgain();
        await clock.advance(ttlMs + 30_000);
        assert.equal(keeper.metrics().sessions.online, 2_100);
      });

      test("Unregister: heartbeats go on, and others come", async () => {
        const stage = await gateway();
        const { clock, presence, keeper, handles } = stage;
        presence.fault = ({ kind }) => (kind === "unregister" ? refused : undefined);
        for (const handle of handles.splice(0, 20)) handle.close();
        await clock.advance(1_000);
        const newcomers = Array.from({ length: 20 }, (_, user) =>
          keeper.open({ userId: `new-${user}`, deviceId: "d" }),
        );
        await clock.advance(500);
        assert.ok(newcomers.every(({ state }) => state === "online"));
        await clock.advance(3 * ttlMs);
        assert.ok(longestSilenceMs(stage, handles) <= intervalMs * 1.2, `${longestSilenceMs(stage, handles)} ms`);
        assert.equal(keeper.metrics().outages, 0);
      });

      test("Refresh: sockets come and go, and heartbeats are tried again", async () => {
        const stage = await gateway();
        const { clock, presence, keeper, handles } = stage;
        presence.fault = ({ kind }) => (kind === "refresh" ? refused : undefined);
        for (let round = 0; round < 20; round++) {
          const newcomer = keeper.open({ userId: `new-${round}`, deviceId: "d" });
          const closed = handles.pop()?.close("logged-out");
          await clock.advance(5_000);
          assert.equal(newcomer.state, "online", `round ${round}`);
          await closed;
        }
        presence.serveAgain();
        presence.calls.length = 0;
        await clock.advance(10_000);
        assert.ok(longestSilenceMs({ ...stage, sinceMs: clock.monotonicMs() - 10_000 }, handles) <= 10_000);
      });
    });

    describe("a user whose calls fail", () => {
      test("holds up nobody else, neither at the head of the queue nor at every attempt", async () => {
        const { clock, presence, keeper } = await gateway({ sessions: 1 });
        const broken = ["bad-1", "bad-2", "bad-3", "bad-4", "bad-5"];
        const isBroken = ofUser(...broken);
        presence.fault = (call) => (isBroken(call) ? refused : undefined);
        for (const userId of broken) keeper.open({ userId, deviceId: "d" });
        await clock.advance(3_000);
        for (let round = 0; round < 30; round++) {
          const newcomer = keeper.open({ userId: `new-${round}`, deviceId: "d" });
          const beganMs = clock.monotonicMs();
          while (newcomer.state === "registering") await clock.advance(50);
          assert.ok(clock.monotonicMs() - beganMs <= 500, `round ${round}: ${clock.monotonicMs() - beganMs} ms`);
          await clock.advance(1_700);
        }
        assert.equal(keeper.metrics().reachable, true);
        presence.serveAgain();
        await clock.advance(5_000);
        assert.equal(keeper.metrics().sessions.registering, 0);
      });

      test("and hang, leave room for those of others", async () => {
        const { clock, presence, keeper } = await gateway({ limits: { callsMax: 8 } });
        const late = new PresenceClientError("DEADLINE_EXCEEDED", "late");
        const isBroken = (call: Call) => call.kind === "register" && call.request.userId.startsWith("bad");
        presence.answer = (call) =>
          isBroken(call) ? new Promise((resolve) => clock.after(3_000, resolve)) : Promise.resolve();
        presence.fault = (call) => (isBroken(call) ? { when: "after", error: late } : undefined);
        for (let user = 0; user < 50; user++) keeper.open({ userId: `bad-${user}`, deviceId: "d" });
        await clock.advance(40_000);
        for (let round = 0; round < 10; round++) {
          const newcomer = keeper.open({ userId: `new-${round}`, deviceId: "d" });
          await clock.advance(500);
          assert.equal(newcomer.state, "online", `round ${round}`);
          await clock.advance(1_000);
        }
      });

      test("whose session is to end: others end at once, and it does in the end", async () => {
        const { clock, presence, handles } = await gateway();
        presence.fault = (call) => (ofUser("u0", "u1", "u2", "u3")(call) ? refused : undefined);
        const closed = handles.slice(0, 50).map((handle) => handle.close("logged-out"));
        await clock.advance(1_500);
        assert.deepEqual(
          handles.slice(0, 50).filter(({ state }) => state !== "closed"),
          handles.slice(0, 4),
        );
        presence.serveAgain();
        await clock.advance(5_000);
        await Promise.all(closed);
        assert.equal(presence.tokens.size, 50);
      });
    });

    describe("a session whose heartbeats fail", () => {
      const isBad = ({ userId }: { userId: string }) => /^u(1|22|37|64|99)$/.test(userId);

      test("is named by presence: all others are refreshed, and it is soon once more", async () => {
        const stage = await gateway();
        const { clock, presence, keeper, handles } = stage;
        presence.unanswerable = isBad;
        await clock.advance(4 * ttlMs);
        const healthy = handles.filter((handle) => !isBad(handle));
        assert.ok(longestSilenceMs(stage, healthy) <= intervalMs * 1.2, `${longestSilenceMs(stage, healthy)} ms`);
        const bad = handles.filter(isBad);
        const trialsMs = longestSilenceMs({ ...stage, sinceMs: stage.sinceMs + intervalMs }, bad);
        assert.ok(trialsMs <= 5_000, `tried again after ${trialsMs} ms`);
        assert.ok(presence.ofKind("refresh").every(({ request }) => request.partial));
        assert.equal(keeper.metrics().outages, 0);
      });

      test("in batches of hundreds, one shard of four: nobody else misses a heartbeat", async () => {
        const stage = await gateway({ sessions: 2_000, limits: { callsMax: 2_000, callsPerSecond: 10_000 } });
        const { clock, presence, keeper, handles } = stage;
        const isAway = ({ userId }: { userId: string }) => Number(userId.slice(1)) % 4 === 0;
        presence.unanswerable = isAway;
        await clock.advance(3 * ttlMs);
        const healthy = handles.filter((handle) => !isAway(handle));
        assert.ok(longestSilenceMs(stage, healthy) <= intervalMs * 1.2, `${longestSilenceMs(stage, healthy)} ms`);
        const beats = presence.beats.length / (clock.monotonicMs() - stage.sinceMs);
        assert.ok(beats <= (4.1 * 2_000) / intervalMs, "no more than four times the even rate");
        const { outages, unconfirmed } = keeper.metrics();
        assert.equal(outages, 0);
        assert.ok(unconfirmed > 0, `${unconfirmed} heartbeats told to be unconfirmed`);
      });

      test("at a presence that fails the whole batch for it: it is told apart, and the others live on (P1)", async () => {
        for (const sessions of [100, 2_000]) {
          const stage = await gateway({ sessions, limits: { callsMax: 2_000, callsPerSecond: 10_000 } });
          const { clock, presence, keeper, handles } = stage;
          presence.isPartial = false;
          presence.unanswerable = isBad;
          await clock.advance(4 * ttlMs);
          const answered = (batch: readonly { userId: string }[]) => !batch.some(isBad);
          const healthy = handles.filter((handle) => !isBad(handle));
          const silenceMs = longestSilenceMs(stage, healthy, answered);
          assert.ok(silenceMs < 0.6 * ttlMs, `${sessions}: ${silenceMs} ms`);
          const newcomer = keeper.open({ userId: "new", deviceId: "d" });
          await clock.advance(1_000);
          assert.equal(newcomer.state, "online");
        }
      });

      test("is alone, with a short time to live: it is tried again before that is over", async () => {
        const stage = await gateway({ sessions: 2 });
        const { clock, presence } = stage;
        presence.intervalMs = 200;
        await clock.advance(intervalMs);
        let refusals = 0;
        presence.fault = ({ kind }) => (kind === "refresh" && refusals++ % 2 === 0 ? refused : undefined);
        const fromMs = clock.monotonicMs();
        await clock.advance(20_000);
        const gaps = presence.beats.filter(({ userId, atMs }) => userId === "u0" && atMs > fromMs);
        const longestMs = Math.max(...gaps.slice(1).map(({ atMs }, place) => atMs - (gaps[place]?.atMs ?? 0)));
        assert.ok(longestMs <= 600, `${longestMs} ms`);
      });
    });

    describe("an outage", () => {
      test("is still one: nothing gets through, and few try (P6)", async () => {
        const { clock, presence, keeper, handles } = await gateway();
        presence.fault = () => refused;
        await clock.advance(10_000);
        assert.equal(keeper.metrics().reachable, false);
        const inVain = presence.calls.length;
        for (let user = 0; user < 500; user++) keeper.open({ userId: `new-${user}`, deviceId: "d" });
        for (const handle of handles.splice(0, 50)) handle.close();
        await clock.advance(100_000);
        const calls = presence.calls.length - inVain;
        assert.ok(calls <= 250, `${calls} calls to nobody in 100 s`);
        assert.equal(keeper.metrics().outages, 1);
        presence.serveAgain();
        await clock.advance(10_000);
        const { registering, online, closing } = keeper.metrics().sessions;
        assert.deepEqual({ registering, online, closing }, { registering: 0, online: 550, closing: 0 });
      });

      // Each heartbeat that fails may be one that a node keeps, since its link to the store flaps.
      for (const { sessions, ttlMs, callsMax } of [
        { sessions: 100, ttlMs: 60_000, callsMax: 700 },
        { sessions: 5_000, ttlMs: 60_000, callsMax: 1_000 },
        { sessions: 100, ttlMs: 4_000, callsMax: 400 },
      ]) {
        test(`costs no heartbeat: ${sessions} sessions of ${ttlMs} ms are sent in time, in few calls (P1, P6)`, async () => {
          const stage = await gateway({ sessions, limits: { callsMax: 20_000, callsPerSecond: 1_000_000 } });
          const { clock, presence, keeper, handles } = stage;
          presence.intervalMs = ttlMs / 3;
          await clock.advance(intervalMs);
          presence.fault = () => refused;
          await clock.advance(ttlMs);
          const awayMs = clock.monotonicMs();
          presence.calls.length = 0;
          await clock.advance(10 * ttlMs);
          assert.equal(keeper.metrics().outages, 1);
          const silenceMs = longestSilenceMs({ ...stage, sinceMs: awayMs }, handles);
          assert.ok(silenceMs <= 0.5 * ttlMs, `no heartbeat for ${silenceMs} ms`);
          const [calls, beats] = [presence.calls.length, presence.beats.length];
          assert.ok(beats <= 2 * 30 * sessions, `${beats} heartbeats, ${30 * sessions} would be even`);
          assert.ok(calls <= callsMax, `${calls} calls`);
        });
      }

      test("that a newcomer meets first is known as soon as a heartbeat says so, not when the next one is due", async () => {
        const { clock, presence, keeper } = await gateway({ sessions: 1 });
        presence.fault = () => refused;
        for (let user = 0; user < 50; user++) keeper.open({ userId: `new-${user}`, deviceId: "d" });
        await clock.advance(2_000);
        assert.equal(keeper.metrics().reachable, false);
        await clock.advance(10_000);
        assert.ok(presence.calls.length <= 110, `${presence.calls.length} calls`);
      });

      test("ends for heartbeats although registrations go on failing: their turn comes first", async () => {
        const stage = await gateway();
        const { clock, presence, keeper, handles } = stage;
        presence.fault = () => refused;
        keeper.open({ userId: "new", deviceId: "d" });
        await clock.advance(60_000);
        presence.fault = ({ kind }) => (kind === "register" ? refused : undefined);
        await clock.advance(5_000);
        assert.equal(keeper.metrics().reachable, true);
        const sinceMs = clock.monotonicMs();
        await clock.advance(2 * ttlMs);
        const silenceMs = longestSilenceMs({ ...stage, sinceMs }, handles);
        assert.ok(silenceMs <= intervalMs * 1.2, `${silenceMs} ms`);
      });
    });
  });
}
