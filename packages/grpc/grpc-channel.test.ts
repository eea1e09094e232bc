import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { presence } from "@realchat/presence-proto";
import { createRpcServer, type Handlers, implement, RpcError } from "@realchat/presence-rpc";
import { issueCertificates } from "@realchat/presence-rpc/testing";
import { systemClock } from "@realchat/presence-runtime/clock";
import { freePort, waitUntil } from "@realchat/presence-testing";
import { channelCredentials } from "./channel-credentials.ts";
import { GrpcChannel } from "./grpc-channel.ts";
import { GrpcError } from "./grpc-error.ts";
import { rpcClient } from "./rpc-client.ts";

type Script = Partial<Handlers<typeof presence.PresenceApiDefinition>>;
type ChannelOptions = Partial<ConstructorParameters<typeof GrpcChannel>[0]>;

/** A server that answers so, and a channel to it. */
async function openScene(t: TestContext, script: Script, options: ChannelOptions = {}, port = 0) {
  const handlers = script as Handlers<typeof presence.PresenceApiDefinition>;
  const server = createRpcServer({ services: [implement(presence.PresenceApiDefinition, handlers)] });
  const bound = await server.listen({ host: "127.0.0.1", port });
  t.after(() => server.drain(0));
  return { server, ...connect(t, `127.0.0.1:${bound}`, options) };
}

function connect(t: TestContext, address: string, options: ChannelOptions = {}) {
  const channel = new GrpcChannel({
    ...{ address, credentials: channelCredentials(undefined), clock: systemClock },
    ...options,
  });
  t.after(() => channel.close());
  return { channel, api: rpcClient(presence.PresenceApiDefinition, channel) };
}

test("a request arrives with the defaults of what it leaves out, and with its metadata", async (t) => {
  const asked: unknown[] = [];
  const { api } = await openScene(t, {
    getUserDevices(request, call) {
      asked.push(request, call.metadata("x-tenant"));
      return presence.GetUserDevicesResponse.create();
    },
  });
  assert.deepEqual(await api.getUserDevices({}, { metadata: { "x-tenant": "blue" } }), { devices: [] });
  assert.deepEqual(asked, [{ userId: "" }, "blue"]);
});

test("each call shows the token of that moment, and one that cannot be sent is not shown to anybody", async (t) => {
  let token: string | undefined;
  const shown: unknown[] = [];
  const { api } = await openScene(
    t,
    {
      getUserDevices(_request, call) {
        shown.push(call.metadata("authorization"));
        return presence.GetUserDevicesResponse.create();
      },
    },
    { token: () => token },
  );
  await api.getUserDevices({});
  token = "first";
  await api.getUserDevices({});
  token = "second";
  await api.getUserDevices({});
  assert.deepEqual(shown, [undefined, "Bearer first", "Bearer second"]);
  token = "a secret\n";
  await assert.rejects(api.getUserDevices({}), /^Error: the token has characters that no token has$/);
});

test("a status arrives with its name, the server's own words, and its advice when to try again", async (t) => {
  const words = "[INFO]: Last orders: at ten.";
  const { api } = await openScene(t, {
    getPresence() {
      throw new RpcError("RESOURCE_EXHAUSTED", words, { retryAfterMs: 250 });
    },
    getUserDevices() {
      throw new RpcError("NOT_FOUND", "nobody");
    },
  });
  await assert.rejects(api.getPresence({}), (error: GrpcError) => {
    assert.ok(error instanceof GrpcError);
    assert.deepEqual([error.code, error.message, error.retryAfterMs], ["RESOURCE_EXHAUSTED", words, 250]);
    return true;
  });
  await assert.rejects(api.getUserDevices({}), { code: "NOT_FOUND", message: "nobody", retryAfterMs: undefined });
});

test("a failure has the form that the channel's owner gives it", async (t) => {
  const port = await freePort();
  const errorOf = ({ code, message }: GrpcError) => new RangeError(`${code}: ${message}`);
  const { api } = connect(t, `127.0.0.1:${port}`, { errorOf });
  await assert.rejects(api.getPresence({}), {
    name: "RangeError",
    message: `UNAVAILABLE: connect ECONNREFUSED 127.0.0.1:${port}`,
  });
});

test("timeoutMs and signal end a call, which the server hears of", async (t) => {
  let begun = 0;
  let ended = 0;
  const never: Handlers<typeof presence.PresenceApiDefinition>["getPresence"] = (_, { signal }) =>
    new Promise((_, reject) => {
      begun += 1;
      signal.addEventListener("abort", () => {
        ended += 1;
        reject(signal.reason);
      });
    });
  const { api } = await openScene(t, { getPresence: never });
  const abort = new AbortController();
  const call = api.getPresence({}, { signal: abort.signal });
  await waitUntil(() => begun > 0, { what: "the server has the call" });
  abort.abort();
  await assert.rejects(call, { code: "CANCELLED" });
  await waitUntil(() => ended > 0, { what: "the server hears that the call has ended" });
  await assert.rejects(api.getPresence({}, { signal: AbortSignal.abort() }), { code: "CANCELLED" });
  await assert.rejects(api.getPresence({}, { timeoutMs: 50 }), { code: "DEADLINE_EXCEEDED" });
});

test("a stream ends with its status, quietly by its signal, and for the server when the caller leaves the loop", async (t) => {
  let open = 0;
  const { api } = await openScene(t, {
    async watchPresence({ userIds }, responses, { signal }) {
      open += 1;
      responses.write(presence.WatchPresenceResponse.create({ snapshotComplete: true }));
      if (userIds.length > 0) throw new RpcError("ABORTED", "enough");
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      open -= 1;
    },
  });
  let seen = 0;
  const abort = new AbortController();
  for await (const _ of api.watchPresence({}, { signal: abort.signal })) {
    seen += 1;
    abort.abort();
  }
  for await (const _ of api.watchPresence({})) {
    seen += 1;
    break;
  }
  assert.equal(seen, 2);
  await waitUntil(() => open === 0, { what: "both streams end at the server" });
  await assert.rejects(
    async () => {
      for await (const _ of api.watchPresence({ userIds: ["ann"] })) seen += 1;
    },
    { code: "ABORTED", message: "enough" },
  );
  assert.equal(seen, 3);
});

test("a channel that is kept connected connects without a call, and again when its server comes back", async (t) => {
  const port = await freePort();
  const first = await openScene(t, {}, {}, port);
  let changes = 0;
  assert.equal(first.channel.isConnected, false);
  first.channel.keepConnected(() => changes++);
  await waitUntil(() => first.channel.isConnected, { what: "it connects" });
  assert.ok(changes > 0);
  await first.server.drain(0);
  await waitUntil(() => !first.channel.isConnected, { what: "it notices the end" });
  await openScene(t, {}, {}, port);
  await waitUntil(() => first.channel.isConnected, { what: "it connects again" });
  first.channel.close();
  assert.equal(first.channel.isConnected, false);
});

test("TLS: the certificate must carry the server's name, or the one that is given", async (t) => {
  const { ca, server: own } = issueCertificates();
  const api = implement(presence.PresenceApiDefinition, {
    getPresence: () => presence.GetPresenceResponse.create(),
  } as unknown as Handlers<typeof presence.PresenceApiDefinition>);
  const server = createRpcServer({ services: [api], tls: own });
  const address = `127.0.0.1:${await server.listen({ host: "127.0.0.1", port: 0 })}`;
  t.after(() => server.drain(0));
  const credentials = channelCredentials({ ca });
  assert.deepEqual((await connect(t, address, { credentials }).api.getPresence({})).presences, []);
  const other = connect(t, address, { credentials, serverName: "elsewhere.example" });
  await assert.rejects(other.api.getPresence({}), ({ code, message }: GrpcError) => {
    assert.equal(code, "UNAVAILABLE");
    assert.match(message, /^Hostname\/IP does not match certificate's altnames: Host: elsewhere.example/);
    return true;
  });
});

test("TLS: each connection is made with the certificates that count then", async (t) => {
  const [first, second] = [issueCertificates(), issueCertificates()];
  const api = implement(presence.PresenceApiDefinition, {
    getPresence: () => presence.GetPresenceResponse.create(),
  } as unknown as Handlers<typeof presence.PresenceApiDefinition>);
  const server = createRpcServer({ services: [api], tls: { ...first.server, clientCa: first.ca } });
  const address = `127.0.0.1:${await server.listen({ host: "127.0.0.1", port: 0 })}`;
  t.after(() => server.drain(0));
  let now = { ca: first.ca, ...first.client };
  const { api: caller, channel } = connect(t, address, { credentials: channelCredentials(now, () => now) });
  channel.keepConnected(() => {});
  await caller.getPresence({});
  server.replaceTls({ ...second.server, clientCa: second.ca });
  now = { ca: second.ca, ...second.client };
  await caller.getPresence({});
  assert.equal(server.metrics().connectionsTotal, 1, "the open one stays");
  server.sendAway(0);
  await waitUntil(() => server.metrics().connectionsTotal > 1 && channel.isConnected, { what: "it connects again" });
  await caller.getPresence({});
});
