import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { CallContext } from "@realchat/presence-rpc";
import { issueCertificates } from "@realchat/presence-rpc/testing";
import { freePort, waitUntil } from "@realchat/presence-testing";
import { scriptedNode } from "../testing/scripted-node.ts";
import { PresenceChannels, type PresenceChannelsOptions } from "./presence-channels.ts";

/** Nodes at 127.0.0.1, 127.0.0.2 …, all at one port, which answer with their address. */
async function nodesAt(t: TestContext, hosts: readonly string[]) {
  const port = await freePort();
  const nodes = [];
  for (const host of hosts) {
    const script = {
      getUserDevices: () => ({ devices: [{ deviceId: host, instanceId: "", connectedAt: undefined }] }),
      watchPresence: (_request: unknown, _responses: unknown, { signal }: CallContext) =>
        new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve())),
    };
    nodes.push(await scriptedNode(t, script, { host, port }));
  }
  return { port, nodes };
}

function connect(t: TestContext, options: PresenceChannelsOptions): PresenceChannels {
  const channels = new PresenceChannels({ checkEveryMs: 100, checkTimeoutMs: 30_000, lookupEveryMs: 50, ...options });
  t.after(() => channels.close());
  return channels;
}

/** Who answers ten calls. */
async function answering(channels: PresenceChannels): Promise<string[]> {
  const names = new Set<string>();
  for (let call = 0; call < 10; call++) {
    const { devices } = await channels.api.getUserDevices({ userId: "alice" }, { timeoutMs: 30_000 });
    names.add(devices[0]?.deviceId ?? "");
  }
  return [...names].sort();
}

for (const form of ["presence:", "dns:///presence:", "dns:presence:"]) {
  test(`${form}PORT has several addresses: calls go to all of them, and follow when they change`, async (t) => {
    const { port, nodes } = await nodesAt(t, ["127.0.0.1", "127.0.0.2", "127.0.0.3"]);
    let found = ["127.0.0.1", "127.0.0.2"];
    const asked: string[] = [];
    const lookup = async (host: string) => {
      asked.push(host);
      return found;
    };
    const channels = connect(t, { addresses: [`${form}${port}`], lookup });
    assert.ok((await answering(channels)).length > 0, "calls wait for the first look-up");
    await waitUntil(() => channels.metrics().channels.serving === 2, { what: "both serve" });
    assert.deepEqual(await answering(channels), ["127.0.0.1", "127.0.0.2"]);
    assert.deepEqual(
      channels.health().channels.map(({ address }) => address),
      [`presence:${port} (127.0.0.1)`, `presence:${port} (127.0.0.2)`],
    );

    found = ["127.0.0.2", "127.0.0.3"];
    await waitUntil(async () => (await answering(channels)).join() === "127.0.0.2,127.0.0.3", { what: "it follows" });
    assert.equal(channels.metrics().failures, 0);

    await nodes[1]?.stop();
    await waitUntil(async () => (await answering(channels)).join() === "127.0.0.3", { what: "the dead one is left" });
    assert.equal(channels.metrics().failures, 0);
    assert.deepEqual([...new Set(asked)], ["presence"]);
  });
}

test("a stream to a node whose address is gone begins elsewhere", async (t) => {
  const { port } = await nodesAt(t, ["127.0.0.1", "127.0.0.2"]);
  let found = ["127.0.0.1"];
  const channels = connect(t, { addresses: [`presence:${port}`], lookup: async () => found });
  await waitUntil(() => channels.health().ready, { what: "it serves" });
  const stream = channels.api.watchPresence({ userIds: ["alice"] })[Symbol.asyncIterator]();
  const cut = assert.rejects(stream.next(), { code: "UNAVAILABLE", message: "its name has other addresses now" });
  found = ["127.0.0.2"];
  await waitUntil(async () => (await answering(channels)).join() === "127.0.0.2", { what: "it follows" });
  await cut;
});

test("a name that cannot be looked up fails calls at once and says why; once it can, they work", async (t) => {
  const { port } = await nodesAt(t, ["127.0.0.1"]);
  let isThere = false;
  const lookup = async () => {
    if (!isThere) throw new Error("getaddrinfo ENOTFOUND presence");
    return ["127.0.0.1"];
  };
  const channels = connect(t, { addresses: [`presence:${port}`], lookup });
  await assert.rejects(answering(channels), { code: "UNAVAILABLE", message: /ENOTFOUND presence/ });
  assert.equal(channels.metrics().channels.unreachable, 1);
  isThere = true;
  await waitUntil(() => channels.health().ready, { what: "it serves" });
  isThere = false;
  assert.deepEqual(await answering(channels), ["127.0.0.1"], "a look-up that fails takes nobody away");
});

test("of a name with addresses of both families one that answers is enough, and nothing counts as unreachable", async (t) => {
  const { port } = await nodesAt(t, ["127.0.0.1"]);
  const channels = connect(t, { addresses: [`localhost:${port}`], lookup: async () => ["::1", "127.0.0.1"] });
  assert.deepEqual(await answering(channels), ["127.0.0.1"]);
  await waitUntil(() => channels.metrics().channels.unreachable === 0, { what: "the other family is left" });
  assert.equal(channels.metrics().channels.serving, 1);
});

test("the system's own look-up serves, and TLS holds the certificate against the name", async (t) => {
  const { ca, server, client } = issueCertificates();
  const answer = { getUserDevices: () => ({ devices: [{ deviceId: "a", instanceId: "", connectedAt: undefined }] }) };
  const node = await scriptedNode(t, answer, { tls: { ...server, clientCa: ca } });
  const port = node.address.split(":")[1];
  const tls = { ca, ...client };
  assert.deepEqual(await answering(connect(t, { addresses: [`localhost:${port}`], tls })), ["a"]);
  const other = connect(t, { addresses: [`elsewhere:${port}`], tls, lookup: async () => ["127.0.0.1"] });
  await assert.rejects(answering(other), { code: "UNAVAILABLE" });
});
