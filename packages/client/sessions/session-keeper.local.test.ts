import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { systemClock } from "@realchat/presence-runtime/clock";
import { freePort, startPresence, type TestPresence, waitUntil } from "@realchat/presence-testing";
import { PresenceChannels } from "../grpc/presence-channels.ts";
import type { KeeperLimits } from "./keeper-options.ts";
import type { SessionHandle } from "./session-handle.ts";
import { SessionKeeper } from "./session-keeper.ts";

const callsPerSecond = 500;

async function gateway(t: TestContext, address: string, limits: Partial<KeeperLimits> = {}) {
  const channels = new PresenceChannels({ addresses: [address], checkTimeoutMs: 1_000 });
  const keeper = new SessionKeeper({
    channels,
    instanceId: "gw-1",
    leases: false,
    limits: { callsPerSecond, ...limits },
  });
  t.after(async () => {
    await keeper.drain({ deadlineMs: 100 });
    await channels.close();
  });
  return { channels, keeper };
}

async function openAll(keeper: SessionKeeper, count: number): Promise<SessionHandle[]> {
  const handles = Array.from({ length: count }, (_, user) =>
    keeper.open({ userId: `user-${user}`, deviceId: "phone" }),
  );
  await Promise.all(handles.map((handle) => handle.untilOnline()));
  return handles;
}

async function onlineCount(channels: PresenceChannels, handles: readonly SessionHandle[]): Promise<number> {
  const { presences } = await channels.api.getPresence({ userIds: handles.map(({ userId }) => userId) });
  return presences.filter(({ online }) => online).length;
}

/** The moment of each registration that presence accepts from now on, to within 10 ms. */
function registrationTimes(t: TestContext, keeper: SessionKeeper): number[] {
  const times: number[] = [];
  let before = keeper.metrics().registrations;
  const cancel = systemClock.every(10, () => {
    const { registrations } = keeper.metrics();
    for (; before < registrations; before++) times.push(systemClock.monotonicMs());
  });
  t.after(cancel);
  return times;
}

// At once: they wait.
describe("a keeper of sessions, each with a presence of its own", { concurrency: 2 }, () => {
  test("presence is killed and starts anew without its memory: 2,000 sessions stay, and come back at a bounded rate", async (t) => {
    const env = { GRPC_ADDR: `127.0.0.1:${await freePort()}`, SESSION_TTL: "6s" };
    let node: TestPresence = await startPresence({ env });
    t.after(() => node.kill());
    const { channels, keeper } = await gateway(t, env.GRPC_ADDR);
    const handles = await openAll(keeper, 2_000);
    let lost = 0;
    for (const handle of handles) handle.onSuperseded(() => lost++);
    await node.kill();
    await waitUntil(() => !keeper.metrics().reachable, { what: "the loss is noticed" });
    assert.ok(handles.every(({ state }) => state === "online"));

    const times = registrationTimes(t, keeper);
    node = await startPresence({ env });
    const backMs = systemClock.monotonicMs();
    const isBack = async () => (await onlineCount(channels, handles)) === 2_000;
    await waitUntil(isBack, { what: "all are online again" });
    t.diagnostic(`all online again after ${Math.round(systemClock.monotonicMs() - backMs)} ms`);
    assert.equal(lost, 0);
    assert.ok(handles.every(({ state }) => state === "online"));
    // A busy machine lets answers come in bunches, but never all of them sooner than the pace allows.
    const tookMs = (times.at(-1) ?? 0) - (times[0] ?? 0);
    assert.ok(tookMs >= 0.6 * (2_000 / callsPerSecond) * 1_000, `2,000 registrations within ${tookMs} ms`);
    const { returns, sessions, callsWaiting } = keeper.metrics();
    assert.equal(sessions.online, 2_000);
    assert.ok(returns >= 2_000);
    assert.equal(callsWaiting, 0);
  });

  test("presence that is frozen for longer than a time to live costs no session and no registration", async (t) => {
    const node = await startPresence({ env: { SESSION_TTL: "3s" } });
    t.after(() => node.kill());
    const { channels, keeper } = await gateway(t, node.grpcAddress);
    const handles = await openAll(keeper, 500);
    node.pause();
    const frozenMs = systemClock.monotonicMs();
    await waitUntil(() => systemClock.monotonicMs() - frozenMs > 5_000, { what: "5 s passed", deadlineMs: 6_000 });
    assert.equal(keeper.metrics().reachable, false);
    assert.equal(keeper.metrics().sessions.online, 500);
    node.resume();
    const { heartbeats } = keeper.metrics();
    await waitUntil(() => keeper.metrics().heartbeats > heartbeats + 1_500, {
      what: "heartbeats go on",
    });
    assert.equal(await onlineCount(channels, handles), 500);
    assert.equal(keeper.metrics().sessions.online, 500);
    assert.equal(keeper.metrics().returns, 0);
  });

  test("a session that registers elsewhere supersedes the one here; what was closed while presence was away is ended", async (t) => {
    const node = await startPresence({ env: { SESSION_TTL: "3s" } });
    t.after(() => node.kill());
    const here = await gateway(t, node.grpcAddress);
    const elsewhere = await gateway(t, node.grpcAddress);
    const older = here.keeper.open({ userId: "alice", deviceId: "phone" });
    await older.untilOnline();
    const superseded = new Promise((resolve) => older.onSuperseded(resolve));
    const newer = elsewhere.keeper.open({ userId: "alice", deviceId: "phone" });
    await newer.untilOnline();
    assert.equal(await superseded, "newer-connection");
    assert.equal(older.state, "superseded");
    assert.equal(await onlineCount(here.channels, [older]), 1);

    node.pause();
    await waitUntil(() => !elsewhere.channels.health().ready, { what: "the silence is noticed" });
    const closed = newer.close("logged-out");
    assert.equal(newer.state, "closing");
    node.resume();
    await closed;
    assert.equal(newer.state, "closed");
    assert.equal(await onlineCount(here.channels, [older]), 0);
  });

  test("a gateway that drains leaves its users online: they have time to reconnect", async (t) => {
    const node = await startPresence();
    t.after(() => node.kill());
    const { channels, keeper } = await gateway(t, node.grpcAddress);
    const handles = await openAll(keeper, 100);
    await keeper.drain();
    assert.ok(handles.every(({ state }) => state === "closed"));
    assert.equal(await onlineCount(channels, handles), 100);
    const { devices } = await channels.api.getUserDevices({ userId: "user-1" });
    assert.deepEqual(devices, []);
  });
});
