import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { ratePerSecond } from "../testing/rate.ts";
import { away, ScriptedPresence } from "../testing/scripted-presence.ts";
import type { KeeperLimits } from "./keeper-options.ts";
import type { SessionHandle } from "./session-handle.ts";
import { deviceKey } from "./session-ids.ts";
import { SessionKeeper } from "./session-keeper.ts";

const intervalMs = 20_000;

function crowdAt(isBatching: boolean, limits: Partial<KeeperLimits>) {
  const clock = new FakeClock({ seed: 7 });
  const presence = new ScriptedPresence(clock, { isBatching });
  presence.intervalMs = intervalMs;
  const keeper = new SessionKeeper({ channels: presence, instanceId: "gw-1", clock, limits });
  let users = 0;
  const open = (count: number) =>
    Array.from({ length: count }, () => keeper.open({ userId: `user-${users++}`, deviceId: "phone" }));
  return { clock, presence, keeper, open };
}

/** Fails unless each of these was heard of at least once in every `withinMs` between the two times. */
function assertHeardOf(
  presence: ScriptedPresence,
  handles: SessionHandle[],
  fromMs: number,
  toMs: number,
  withinMs: number,
) {
  const last = new Map(handles.map(({ userId }) => [userId, fromMs]));
  let longest = 0;
  const note = (userId: string, atMs: number) => {
    const before = last.get(userId);
    if (before === undefined) return;
    longest = Math.max(longest, atMs - before);
    last.set(userId, atMs);
  };
  for (const { userId, atMs } of presence.beats) if (atMs >= fromMs && atMs <= toMs) note(userId, atMs);
  for (const userId of last.keys()) note(userId, toMs);
  assert.ok(longest <= withinMs, `somebody was not heard of for ${longest} ms`);
}

function assertEven(presence: ScriptedPresence, sessions: number, fromMs: number, toMs: number): void {
  const mean = sessions / (intervalMs / 1_000);
  const times = presence.beats.map(({ atMs }) => atMs);
  const { least, most } = ratePerSecond(times, fromMs, toMs);
  assert.ok(least >= 0.8 * mean && most <= 1.2 * mean, `${least} to ${most} a second, mean ${mean}`);
}

for (const isBatching of [true, false]) {
  describe(isBatching ? "at a presence that takes many at once" : "at a presence that takes calls one by one", () => {
    const crowd = (limits: Partial<KeeperLimits> = {}) => crowdAt(isBatching, limits);

    test("5,000 sessions that arrive at once send their heartbeats evenly over the interval ever after", async () => {
      const { clock, presence, open } = crowd({ callsPerSecond: 1_000_000, callsMax: 5_000 });
      const handles = open(5_000);
      await clock.advance(50);
      assert.ok(handles.every(({ state }) => state === "online"));
      const fromMs = clock.monotonicMs();
      await clock.advance(3 * intervalMs);
      assertEven(presence, 5_000, fromMs, clock.monotonicMs());
      assertHeardOf(presence, handles, fromMs, clock.monotonicMs(), intervalMs + 100);
    });

    test("the rate follows at once when a crowd arrives and when it leaves, and nobody is forgotten", async () => {
      const { clock, presence, open } = crowd({ callsPerSecond: 1_000_000, callsMax: 5_000 });
      const first = open(1_000);
      await clock.advance(intervalMs * 1.5);
      const second = open(2_000);
      await clock.advance(50);
      const grownMs = clock.monotonicMs();
      await clock.advance(2 * intervalMs);
      assertEven(presence, 3_000, grownMs, clock.monotonicMs());
      assertHeardOf(presence, [...first, ...second], grownMs, clock.monotonicMs(), intervalMs + 100);

      // Those behind the others in the row leave, again and again: whoever is left must not wait another interval each time.
      const staying = first.slice(0, 100);
      const leaving = [...second, ...first.slice(100)];
      const shrinkMs = clock.monotonicMs();
      while (leaving.length > 0) {
        for (const handle of leaving.splice(0, Math.ceil(leaving.length / 2))) handle.close();
        await clock.advance(intervalMs / 2);
      }
      await clock.advance(intervalMs);
      assertHeardOf(presence, staying, shrinkMs, clock.monotonicMs(), intervalMs * 1.2 + 300);
      await clock.advance(intervalMs);
      assertEven(presence, 100, clock.monotonicMs() - intervalMs, clock.monotonicMs());
    });

    test("an outage costs no session, however long; then all return paced, in random steps, and evenly again (P6)", async () => {
      const callsPerSecond = 200;
      const { clock, presence, keeper, open } = crowd({ callsPerSecond });
      const assertPaced = (fromMs: number) => {
        const registrations = presence.ofKind("register").map(({ atMs }) => atMs);
        assert.equal(registrations.length, 2_000);
        const { most } = ratePerSecond(registrations, fromMs, clock.monotonicMs());
        assert.ok(most <= callsPerSecond * 1.2, `${most} registrations in a second`);
      };
      const openMs = clock.monotonicMs();
      const handles = open(2_000);
      await clock.advance(15_000);
      assertPaced(openMs);
      assert.equal(keeper.metrics().sessions.online, 2_000);
      presence.fault = () => ({ when: "before", error: away });
      const awayMs = clock.monotonicMs();
      await clock.advance(300_000);
      assert.equal(keeper.metrics().sessions.online, 2_000);
      const inVain = presence.calls.filter(({ atMs }) => atMs > awayMs + 5_000).length;
      assert.ok(inVain <= 300, `${inVain} calls to nobody in 300 s`);
      assert.equal(keeper.metrics().outages, 1);

      presence.lose();
      presence.calls.length = 0;
      presence.serveAgain();
      const backMs = clock.monotonicMs();
      await clock.advance(30_000);
      assert.ok(handles.every(({ state }) => state === "online"));
      assert.equal(presence.tokens.size, 2_000);
      assertPaced(backMs);
      // Twice the heartbeat rate at the most would be even; catching up may be four times that.
      const beats = presence.beats.map(({ atMs }) => atMs);
      assert.ok(ratePerSecond(beats, backMs, backMs + 30_000).most <= 4.4 * 100);
      await clock.advance(10_000);
      const calmMs = clock.monotonicMs();
      await clock.advance(2 * intervalMs);
      assertEven(presence, 2_000, calmMs, clock.monotonicMs());
    });

    test("a store that lost all while it was there gets all back in their places, as evenly as heartbeats come (P6, P8)", async () => {
      const { clock, presence, keeper, open } = crowd({ callsPerSecond: 1_000_000, callsMax: 5_000 });
      const handles = open(5_000);
      await clock.advance(intervalMs);
      const before = new Map(presence.tokens);
      presence.lose();
      presence.calls.length = 0;
      const lostMs = clock.monotonicMs();
      await clock.advance(intervalMs + 200);
      assert.ok(handles.every(({ state }) => state === "online"));
      const { missing, returns, outages } = keeper.metrics();
      assert.deepEqual({ missing, returns, outages }, { missing: 5_000, returns: 5_000, outages: 0 });
      const registrations = presence.ofKind("register");
      assert.equal(registrations.length, 5_000, "each once");
      for (const { request } of registrations) {
        const token = before.get(deviceKey(request));
        assert.equal(request.previousSessionId, token);
        assert.equal(request.connectionId, token?.slice(token.indexOf(".") + 1));
      }
      const times = registrations.map(({ atMs }) => atMs);
      const { most } = ratePerSecond(times, lostMs, clock.monotonicMs());
      assert.ok(most <= 1.2 * 250, `${most} registrations in a second, 250 heartbeats in one`);
      const calmMs = clock.monotonicMs();
      await clock.advance(2 * intervalMs);
      assertEven(presence, 5_000, calmMs, clock.monotonicMs());
      assert.equal(presence.ofKind("register").length, 5_000, "and never again");
    });

    test("gateways that lost presence together do not return in the same moment", async () => {
      const firstCalls: number[] = [];
      for (let seed = 1; seed <= 20; seed++) {
        const clock = new FakeClock({ seed });
        const presence = new ScriptedPresence(clock, { isBatching });
        const keeper = new SessionKeeper({ channels: presence, instanceId: "gw", clock });
        for (let user = 0; user < 50; user++) keeper.open({ userId: `u${user}`, deviceId: "d" });
        await clock.advance(1_000);
        presence.fault = () => ({ when: "before", error: away });
        await clock.advance(60_000);
        presence.calls.length = 0;
        presence.serveAgain();
        const backMs = clock.monotonicMs();
        await clock.advance(5_000);
        firstCalls.push((presence.calls[0]?.atMs ?? Number.POSITIVE_INFINITY) - backMs);
      }
      assert.ok(Math.max(...firstCalls) <= 1_100, `the last one came after ${Math.max(...firstCalls)} ms`);
      const tenths = new Set(firstCalls.map((ms) => Math.floor(ms / 100)));
      assert.ok(tenths.size >= 6, `20 gateways came back in ${tenths.size} tenths of a second`);
    });
  });
}
