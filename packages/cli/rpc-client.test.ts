import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { PemTexts } from "@realchat/presence-grpc";
import { presence } from "@realchat/presence-proto";
import { RpcError } from "@realchat/presence-rpc";
import { issueCertificates } from "@realchat/presence-rpc/testing";
import { systemClock } from "@realchat/presence-runtime/clock";
import { freePort } from "@realchat/presence-testing";
import type { CliError } from "./cli-error.ts";
import { connectRpc } from "./rpc-client.ts";
import { scriptedPresence } from "./testing/scripted-presence.ts";

function connect(t: TestContext, address: string, tls?: PemTexts) {
  const connection = connectRpc(presence.PresenceApiDefinition, { address, tls }, systemClock);
  t.after(() => connection.close());
  return connection.api;
}

test("fields that a request leaves out have their default", async (t) => {
  const asked: presence.RegisterSessionRequest[] = [];
  const address = await scriptedPresence(t, {
    registerSession(request) {
      asked.push(request);
      return presence.RegisterSessionResponse.create({ sessionId: "17" });
    },
  });
  const { sessionId } = await connect(t, address).registerSession({ userId: "alice", deviceId: "phone" });
  assert.equal(sessionId, "17");
  assert.deepEqual(asked, [
    {
      ...{ userId: "alice", deviceId: "phone", instanceId: "", connectionId: "", previousSessionId: "" },
      ...{ leaseId: "", idleSince: undefined, age: undefined, traceparent: "" },
    },
  ]);
});

test("the server's status arrives with its message, UNAVAILABLE included: it was reached", async (t) => {
  const address = await scriptedPresence(t, {
    refreshSession({ userId }) {
      throw new RpcError(userId === "alice" ? "NOT_FOUND" : "UNAVAILABLE", `about ${userId}`);
    },
  });
  const api = connect(t, address);
  await assert.rejects(api.refreshSession({ userId: "alice" }), { code: "NOT_FOUND", message: "about alice" });
  await assert.rejects(api.refreshSession({ userId: "bob" }), { code: "UNAVAILABLE", message: "about bob" });
});

test("where nobody listens it is UNREACHABLE, and the message says where and what to do", async (t) => {
  const address = `127.0.0.1:${await freePort()}`;
  await assert.rejects(connect(t, address).getPresence({ userIds: ["alice"] }), {
    code: "UNREACHABLE",
    message: `no presence service answers at ${address} (connect ECONNREFUSED ${address}): start one with "npm start", or say where it is with --addr or PRESENCE_ADDR`,
  });
});

test("a server that takes too long is DEADLINE_EXCEEDED", async (t) => {
  const address = await scriptedPresence(t, {
    refreshSession: () => presence.RefreshSessionResponse.create(),
    getPresence: () => new Promise(() => {}),
  });
  const api = connect(t, address);
  // Else the time might be over before the connection is there.
  await api.refreshSession({ userId: "alice", deviceId: "phone" });
  await assert.rejects(api.getPresence({}, { timeoutMs: 100 }), { code: "DEADLINE_EXCEEDED" });
});

test("a stream ends with the server's status, or quietly when the caller wants no more", async (t) => {
  const address = await scriptedPresence(t, {
    async watchPresence({ userIds }, responses, call) {
      responses.write(presence.WatchPresenceResponse.create({ snapshotComplete: true }));
      if (userIds.length > 0) throw new RpcError("RESOURCE_EXHAUSTED", "too many watchers");
      await new Promise((resolve) => call.signal.addEventListener("abort", resolve));
    },
  });
  const api = connect(t, address);
  const seen: boolean[] = [];
  await assert.rejects(
    async () => {
      for await (const message of api.watchPresence({ userIds: ["alice"] })) seen.push(message.snapshotComplete);
    },
    { code: "RESOURCE_EXHAUSTED", message: "too many watchers" },
  );
  assert.deepEqual(seen, [true]);

  const enough = new AbortController();
  for await (const message of api.watchPresence({}, { signal: enough.signal })) {
    seen.push(message.snapshotComplete);
    enough.abort();
  }
  assert.deepEqual(seen, [true, true]);
});

const { ca, server, client } = issueCertificates();
const other = issueCertificates();
const answers = { getPresence: () => presence.GetPresenceResponse.create() };

test("TLS: a server whose certificate is signed by --ca answers", async (t) => {
  const address = await scriptedPresence(t, answers, { tls: server });
  assert.deepEqual((await connect(t, address, { ca }).getPresence({})).presences, []);
});

/** What is wrong with TLS has advice of its own: to start a server would change nothing. */
const faults = [
  {
    what: "an authority that is not known",
    tls: server,
    security: { ca: other.ca },
    advice: /cannot be trusted .*--ca$/,
  },
  { what: "no authority at all", tls: server, security: {}, advice: /cannot be trusted .*--ca$/ },
  {
    what: "plain text to a port with TLS",
    tls: server,
    security: undefined,
    advice: /plain gRPC .*if it has TLS/,
  },
  { what: "TLS to a port without", tls: undefined, security: { ca }, advice: /no TLS at .*leave out --tls/ },
  {
    what: "no certificate where one is wanted",
    ...{ tls: { ...server, clientCa: ca }, security: { ca }, advice: /--cert and --key$/ },
  },
  {
    what: "a certificate of another authority where one is wanted",
    tls: { ...server, clientCa: ca },
    security: { ca, ...other.client },
    advice: /--cert and --key$/,
  },
];

for (const { what, tls, security, advice } of faults) {
  test(`TLS: ${what} is UNREACHABLE, with advice that fits`, async (t) => {
    const address = await scriptedPresence(t, answers, { tls });
    await assert.rejects(connect(t, address, security).getPresence({}), ({ code, message }: CliError) => {
      assert.equal(code, "UNREACHABLE");
      assert.match(message, advice);
      assert.doesNotMatch(message, /npm start|Resolution note|SSL routines|\d{4}-\d\d-\d\dT|use-system-ca/);
      return true;
    });
  });
}

test("TLS: a client whose certificate is signed by the authority that is wanted is answered", async (t) => {
  const address = await scriptedPresence(t, answers, { tls: { ...server, clientCa: ca } });
  assert.deepEqual((await connect(t, address, { ca, ...client }).getPresence({})).presences, []);
});
