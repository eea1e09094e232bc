import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { PresenceChannels } from "@realchat/presence-client";
import { systemClock } from "@realchat/presence-runtime/clock";
import {
  heldUp,
  startDelivery,
  startPresence,
  type TestDelivery,
  type TestPresence,
  waitUntil,
} from "@realchat/presence-testing";
import { connect } from "../testing/socket-client.ts";

const leaseTtlMs = 9_000;

let presence: TestPresence;
let channels: PresenceChannels;
let gateways: readonly TestDelivery[];

before(async () => {
  const env = { LEASE_TTL: `${leaseTtlMs}ms`, LEASE_HEARTBEAT_INTERVAL: "2s", OFFLINE_GRACE: "8s" };
  presence = await startPresence({ env });
  channels = new PresenceChannels({ addresses: [presence.grpcAddress] });
  const start = () =>
    startDelivery({ env: { PRESENCE_SVC_ADDR: presence.grpcAddress, DRAIN_DELAY: "2s", DRAIN_SPREAD: "1s" } });
  gateways = await Promise.all([start(), start(), start()]);
  // A notice reaches whoever follows its lease by then.
  const streams = async () => Number(/^presence_watchers (\d+)$/m.exec(await presenceMetrics())?.[1]);
  await waitUntil(async () => (await streams()) === 3 * gateways.length, {
    what: "each gateway follows its lease, users and devices",
  });
});

after(async () => {
  await Promise.all((gateways ?? []).map((gateway) => gateway.kill()));
  await channels?.close();
  await presence?.kill();
});

const open = (gateway: number, userId: string) =>
  connect({ address: gateways[gateway]?.socketAddress ?? "", userId, deviceId: "phone" });

async function online(userIds: readonly string[]): Promise<string[]> {
  const { presences } = await channels.api.getPresence({ userIds: [...userIds] });
  return presences.filter(({ online }) => online).map(({ userId }) => userId);
}

async function openCrowd(gateway: number, name: string): Promise<string[]> {
  const userIds = Array.from({ length: 40 }, (_, user) => `${name}-${user}`);
  const leased = async () => (await gateways[gateway]?.metrics())?.get("delivery_leased_sessions") ?? 0;
  const before = await leased();
  await Promise.all(userIds.map((userId) => open(gateway, userId)));
  await waitUntil(async () => (await leased()) === before + userIds.length, { what: "all are under its lease" });
  return userIds;
}

async function untilOffline(userIds: readonly string[]): Promise<number> {
  const fromMs = systemClock.monotonicMs();
  await waitUntil(async () => (await online(userIds)).length === 0, { what: "they are offline", deadlineMs: 60_000 });
  return systemClock.monotonicMs() - fromMs;
}

async function readiness(gateway: number): Promise<string> {
  const response = await fetch(`http://${gateways[gateway]?.httpAddress}/health/ready`);
  const { status } = (await response.json()) as { status: string };
  return status;
}

async function presenceMetrics(): Promise<string> {
  return (await fetch(`http://${presence.httpAddress}/metrics`)).text();
}

async function callsOf(method: string): Promise<number> {
  const counts = (await presenceMetrics()).matchAll(
    new RegExp(`^presence_rpc_duration_seconds_count\\{[^}]*method="[^"]*/${method}"[^}]*\\} (\\d+)$`, "gm"),
  );
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

describe("gateways with leases", () => {
  test("a socket that is replaced on another gateway is closed at once (P7)", async () => {
    const first = await open(0, "ida");
    await waitUntil(async () => (await online(["ida"])).length === 1, { what: "she is online" });
    const movedMs = systemClock.monotonicMs();
    await open(1, "ida");
    assert.deepEqual(await first.untilClosed(), { code: 4000, reason: "session_replaced" });
    // Some ms as a rule; by verifying alone minutes.
    const closedMs = systemClock.monotonicMs() - movedMs;
    assert.ok(closedMs < 10_000, `after ${closedMs} ms`);
  });

  test("the users of a gateway that is killed are offline with its lease, but for those who are back (P1, P2)", async () => {
    const [back = "", ...gone] = await openCrowd(1, "crashed");
    await gateways[1]?.kill();
    await open(0, back);
    const heldUpMs = heldUp(() => [presence.pid]);
    const goneMs = await untilOffline(gone);
    // A tick, and this look; the last heartbeat was 2 s before at most.
    assert.ok(goneMs <= leaseTtlMs + 1_000 + 2_000 + heldUpMs(), `after ${goneMs} ms`);
    assert.deepEqual(await online([back]), [back]);
  });

  test("a gateway that drains says so in one call, and its users have the grace to be back (P1)", async () => {
    const [back = "", ...gone] = await openCrowd(2, "drained");
    const calls = () => Promise.all(["CloseLease", "UnregisterSession", "UnregisterSessions"].map(callsOf));
    const [closesBefore = 0, ...othersBefore] = await calls();
    const stopped = gateways[2]?.stop();
    await waitUntil(async () => (await readiness(2)) === "draining", { what: "it is not ready any more" });
    const late = await open(2, "late");
    assert.equal(await stopped, 0);
    assert.deepEqual(late.end, { code: 1012, reason: "restart" }, "it served on for DRAIN_DELAY");
    await open(0, back);
    const [closes = 0, ...others] = await calls();
    assert.deepEqual([closes - closesBefore, others], [1, othersBefore]);
    assert.equal((await online(gone)).length, gone.length);
    await untilOffline(gone);
    assert.deepEqual(await online([back]), [back]);
  });
});
