import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { RpcError } from "@realchat/presence-rpc";
import { issueCertificates } from "@realchat/presence-rpc/testing";
import { systemClock } from "@realchat/presence-runtime/clock";
import { freePort, startPresence, waitUntil } from "@realchat/presence-testing";
import { scriptedNode } from "../testing/scripted-node.ts";
import { PresenceChannels, type PresenceChannelsOptions } from "./presence-channels.ts";

function connect(t: TestContext, options: PresenceChannelsOptions): PresenceChannels {
  const channels = new PresenceChannels({ checkEveryMs: 100, checkTimeoutMs: 30_000, ...options });
  t.after(() => channels.close());
  return channels;
}

/** A node that answers with its name. */
const named = (name: string) => ({
  getUserDevices: () => ({ devices: [{ deviceId: name, instanceId: "", connectedAt: undefined }] }),
});

async function answering(channels: PresenceChannels): Promise<string> {
  const { devices } = await channels.api.getUserDevices({ userId: "alice" }, { timeoutMs: 30_000 });
  return devices[0]?.deviceId ?? "";
}

test("calls go to all nodes that serve, one after the other", async (t) => {
  const nodes = [await scriptedNode(t, named("a")), await scriptedNode(t, named("b"))];
  const channels = connect(t, { addresses: nodes.map(({ address }) => address) });
  await waitUntil(() => channels.metrics().channels.serving === 2, { what: "both nodes serve" });
  const answers = [await answering(channels), await answering(channels), await answering(channels)];
  assert.deepEqual([...new Set(answers)].sort(), ["a", "b"]);
  assert.notEqual(answers[0], answers[1]);
  assert.deepEqual(channels.health(), {
    ready: true,
    channels: nodes.map(({ address }) => ({ address, state: "serving", detail: "serving" })),
  });
});

test("a call shows the token that it is given, or has by then", async (t) => {
  const shown: unknown[] = [];
  const node = await scriptedNode(t, {
    getUserDevices(_request, call) {
      shown.push(call.metadata("authorization"));
      return { devices: [] };
    },
  });
  for (const token of ["fixed", () => "asked-for"]) await answering(connect(t, { addresses: [node.address], token }));
  assert.deepEqual(shown, ["Bearer fixed", "Bearer asked-for"]);
});

test("a call whose node dies goes to another one, and nobody calls the dead one again", async (t) => {
  const [alive, dying] = [await scriptedNode(t, named("alive")), await scriptedNode(t, named("dying"))];
  const channels = connect(t, { addresses: [alive.address, dying.address] });
  await waitUntil(() => channels.metrics().channels.serving === 2, { what: "both nodes serve" });
  await dying.stop();
  for (let call = 0; call < 10; call++) assert.equal(await answering(channels), "alive");
  assert.equal(channels.metrics().failures, 0);
  await waitUntil(() => channels.metrics().channels.unreachable === 1, { what: "it is known to be away" });
});

test("a call that waits for a node when it is killed is answered by another one", async (t) => {
  const alive = await scriptedNode(t, named("alive"));
  const dying = await startPresence();
  t.after(() => dying.kill());
  const addresses = [alive.address, dying.grpcAddress];
  const channels = connect(t, { addresses });
  await waitUntil(() => channels.metrics().channels.serving === 2, { what: "both nodes serve" });
  dying.pause();
  const answers = [answering(channels), answering(channels)];
  await dying.kill();
  assert.deepEqual(await Promise.all(answers), ["alive", "alive"]);
  assert.equal(channels.metrics().failovers, 1);
});

test("a node that says it cannot serve is left alone while another one can", async (t) => {
  const [well, unwell] = [await scriptedNode(t, named("well")), await scriptedNode(t, named("unwell"))];
  const channels = connect(t, { addresses: [unwell.address, well.address] });
  unwell.setServing(false);
  await waitUntil(() => channels.metrics().channels["not-serving"] === 1, { what: "it says so" });
  for (let call = 0; call < 10; call++) assert.equal(await answering(channels), "well");
  unwell.setServing(true);
  await waitUntil(() => channels.metrics().channels.serving === 2, { what: "both nodes serve" });
});

test("when the only node cannot serve it is asked nevertheless: it knows best what to answer", async (t) => {
  const node = await scriptedNode(t, {
    getPresence: () => {
      throw new RpcError("UNAVAILABLE", "the store is away", { retryAfterMs: 750 });
    },
  });
  node.setServing(false);
  const channels = connect(t, { addresses: [node.address] });
  const refused = { name: "PresenceClientError", code: "UNAVAILABLE", message: "the store is away", retryAfterMs: 750 };
  await assert.rejects(channels.api.getPresence({ userIds: ["alice"] }), refused);
});

test("a node that tells nothing of its health is taken to be well", async (t) => {
  const node = await scriptedNode(t, named("simple"), { withoutHealth: true });
  assert.equal(await answering(connect(t, { addresses: [node.address] })), "simple");
});

test("without any node calls fail at once and say why; soon after one is there they work, and listeners hear of it", async (t) => {
  const port = await freePort();
  const channels = connect(t, { addresses: [`127.0.0.1:${port}`] });
  const unavailable = { code: "UNAVAILABLE", message: /no presence node answers \(127\.0\.0\.1:\d+: .*ECONNREFUSED/ };
  await assert.rejects(channels.api.getPresence({ userIds: ["alice"] }), unavailable);
  let told = 0;
  channels.onServing(() => told++);
  await new Promise<void>((resolve) => systemClock.after(3_000, resolve));
  await scriptedNode(t, named("late"), { port });
  const backMs = systemClock.monotonicMs();
  await waitUntil(() => told === 1, { what: "the node is found" });
  t.diagnostic(`found after ${Math.round(systemClock.monotonicMs() - backMs)} ms`);
  assert.equal(await answering(channels), "late");
});

test("a listener that throws is reported; the others are told, each time that nodes serve again", async (t) => {
  const errors: unknown[] = [];
  const node = await scriptedNode(t, named("a"));
  const channels = connect(t, { addresses: [node.address], onListenerError: (error) => errors.push(error) });
  const mistake = new Error("no");
  let told = 0;
  channels.onServing(() => {
    throw mistake;
  });
  channels.onServing(() => told++);
  for (let round = 1; round <= 2; round++) {
    await waitUntil(() => channels.health().ready, { what: "it serves" });
    await waitUntil(() => told === round, { what: "the other one is told" });
    assert.deepEqual(errors, Array(round).fill(mistake));
    assert.equal(await answering(channels), "a");
    node.setServing(false);
    await waitUntil(() => !channels.health().ready, { what: "it says that it cannot" });
    node.setServing(true);
  }
});

test("a node that hangs is found out, and its streams are cut", async (t) => {
  const node = await startPresence();
  t.after(() => node.kill());
  const channels = connect(t, { addresses: [node.grpcAddress], checkTimeoutMs: 500 });
  const stream = channels.api.watchPresence({ userIds: ["alice"] })[Symbol.asyncIterator]();
  await stream.next();
  await stream.next();
  node.pause();
  await assert.rejects(stream.next(), { code: "UNAVAILABLE" });
  assert.equal(channels.health().ready, false);
  node.resume();
  await waitUntil(() => channels.health().ready, { what: "it serves again" });
});

test("deadlines, cancelling and metadata reach the node", async (t) => {
  const node = await scriptedNode(t, {
    getPresence: (_request, call) => new Promise((_, reject) => call.signal.addEventListener("abort", () => reject())),
    getUserDevices: (_request, call) => ({
      devices: [{ deviceId: call.metadata("x-user-id") ?? "", instanceId: "", connectedAt: undefined }],
    }),
  });
  const channels = connect(t, { addresses: [node.address] });
  await assert.rejects(channels.api.getPresence({ userIds: [] }, { timeoutMs: 100 }), { code: "DEADLINE_EXCEEDED" });
  const stop = new AbortController();
  const cancelled = channels.api.getPresence({ userIds: [] }, { signal: stop.signal });
  stop.abort();
  await assert.rejects(cancelled, { code: "CANCELLED" });
  const answer = await channels.api.getUserDevices({ userId: "a" }, { metadata: { "x-user-id": "alice" } });
  assert.equal(answer.devices[0]?.deviceId, "alice");
});

test("TLS with certificates on both sides", async (t) => {
  const { ca, server, client } = issueCertificates();
  const node = await scriptedNode(t, named("secret"), { tls: { ...server, clientCa: ca } });
  const addresses = [node.address];
  assert.equal(await answering(connect(t, { addresses, tls: { ca, ...client } })), "secret");
  assert.equal(await answering(connect(t, { addresses, tls: { ca, ...client, serverName: "localhost" } })), "secret");
  await assert.rejects(answering(connect(t, { addresses, tls: { ca } })), { code: "UNAVAILABLE" });
  await assert.rejects(answering(connect(t, { addresses, tls: { ca, ...client, serverName: "elsewhere" } })), {
    code: "UNAVAILABLE",
  });
  await assert.rejects(answering(connect(t, { addresses })), { code: "UNAVAILABLE" });
});

test("options are checked by name, and a closed one says that it is closed", async (t) => {
  const refused = (options: PresenceChannelsOptions, message: RegExp) =>
    assert.throws(() => new PresenceChannels(options), { code: "INVALID_ARGUMENT", message });
  refused({ addresses: [] }, /^addresses is empty/);
  refused({ addresses: ["presence"] }, /^addresses has "presence": write host:port/);
  refused({ addresses: ["a:1", "a:1"] }, /names a node twice/);
  refused({ addresses: ["a:1"], tls: { key: "k" } }, /^tls has only one of certificate and key/);
  const channels = connect(t, { addresses: ["127.0.0.1:1"] });
  await channels.close();
  await assert.rejects(channels.api.getPresence({ userIds: [] }), { code: "CANCELLED" });
});

test("a node that cannot take many registrations at once is not asked for that again before it reconnects", async (t) => {
  let calls = 0;
  const unknown = () => {
    calls++;
    throw new RpcError("UNIMPLEMENTED", "no such method");
  };
  const old = await scriptedNode(t, { registerSessions: unknown, getPresence: unknown });
  const channels = connect(t, { addresses: [old.address] });
  const register = () => channels.api.registerSessions({ sessions: [] }, { timeoutMs: 30_000 });
  for (let call = 0; call < 3; call++) await assert.rejects(register(), { code: "UNIMPLEMENTED" });
  assert.equal(calls, 1);
  for (let call = 0; call < 3; call++) await assert.rejects(channels.api.getPresence({}), { code: "UNIMPLEMENTED" });
  assert.equal(calls, 4, "of other methods nothing is remembered");

  await old.stop();
  await waitUntil(() => channels.metrics().channels.unreachable === 1, { what: "it is known to be away" });
  const port = Number(old.address.slice(old.address.lastIndexOf(":") + 1));
  await scriptedNode(t, { registerSessions: () => ({ results: [] }) }, { port });
  await waitUntil(() => channels.metrics().channels.serving === 1, { what: "the new one serves" });
  assert.deepEqual(await register(), { results: [] });
});
