import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { describe, type TestContext, test } from "node:test";
import { connect } from "node:tls";
import { credentials, status } from "@grpc/grpc-js";
import { waitUntil } from "@realchat/presence-testing";
import { implement } from "../service.ts";
import { RpcError } from "../status.ts";
import { issueCertificates } from "../testing/certificates.ts";
import { finishRawCall, framed, openRawCall, openRawConnection } from "../testing/raw-call.ts";
import { errorOf, pathOf, serveTexts, type Text, TextClient, TextDefinition, text } from "../testing/text-service.ts";
import { rpcServerContract } from "../tests/rpc-server.contract.ts";
import { createRpcServer, type RpcEngine } from "./rpc-server.ts";

describe("server on the engine of our own", () => rpcServerContract(createRpcServer));

const echo = { unary: (request: { service: string }) => request };

describe("what only the engine of our own has", () => {
  test("interceptors stand around a handler, the first one outermost, and may refuse", async (t) => {
    const seen: string[] = [];
    const { client, port } = await serveTexts(
      t,
      (options) =>
        createRpcServer({
          ...options,
          interceptors: [
            (call, proceed, request) => {
              seen.push(`before ${call.method} of "${(request as Text).service}"`);
              const result = proceed();
              seen.push("after");
              return result;
            },
            (call, proceed) => {
              if (call.metadata("x-tenant") === undefined) throw new RpcError("UNAUTHENTICATED", "say who you are");
              return proceed();
            },
          ],
        }),
      {
        unary: ({ service }) => {
          seen.push("handler");
          return text(service);
        },
      },
    );
    assert.equal((await errorOf(client.unary("a"))).details, "say who you are");
    assert.deepEqual(seen.splice(0), ['before test.v1.Texts/Unary of "a"']);
    const raw = openRawCall(openRawConnection(t, port), pathOf("Unary"), { "x-tenant": "blue" });
    assert.equal((await finishRawCall(raw, framed(Buffer.alloc(0)))).status, 0);
    assert.deepEqual(seen, ['before test.v1.Texts/Unary of ""', "handler", "after"]);
  });

  test("it counts connections, streams and bytes, and all is zero again when they are gone", async (t) => {
    const { server, client } = await engineWithEcho(t);
    await client.unary("hello");
    const busy = server.metrics();
    assert.deepEqual([busy.connections, busy.connectionsTotal, busy.streams, busy.streamsTotal], [1, 1, 0, 1]);
    assert.ok(busy.bytesRead > 50 && busy.bytesWritten > 50, JSON.stringify(busy));
    client.close();
    await waitUntil(() => server.metrics().connections === 0, { what: "the connection is gone" });
    assert.equal(server.metrics().connectionsTotal, 1);
  });

  test("peers that are sent away finish their calls and come back on a new connection, which stays", async (t) => {
    const held = Promise.withResolvers<Text>();
    const began = Promise.withResolvers<void>();
    const scene = await serveTexts(t, createRpcServer, {
      unary: ({ service }) => {
        if (service !== "slow") return text(service);
        began.resolve();
        return held.promise;
      },
    });
    const { client } = scene;
    const server = scene.server as RpcEngine;
    const slow = client.unary("slow");
    await began.promise;
    server.sendAway(0);
    const away = () => client.unary("again").then(() => server.metrics().connectionsTotal === 2);
    await waitUntil(away, { what: "new calls come on a new connection" });
    assert.equal(server.metrics().connections, 2, "the old one has a call to finish");
    held.resolve(text("done"));
    assert.equal(await slow, "done");
    await waitUntil(() => server.metrics().connections === 1, { what: "the old connection has ended" });
    await client.unary("once more");
    assert.equal(server.metrics().connectionsTotal, 2, "who came afterwards stays");
  });

  test("peers are sent away one after the other, each once", async (t) => {
    const { server, port } = await engineWithEcho(t);
    const gone: number[] = [];
    const peers = Array.from({ length: 8 }, (_, index) => {
      const peer = openRawConnection(t, port);
      peer.on("goaway", () => gone.push(index));
      peer.on("error", () => undefined);
      return peer;
    });
    await Promise.all(peers.map((peer) => once(peer, "remoteSettings")));
    server.sendAway(200);
    await waitUntil(() => gone.length > 0, { what: "the first is told" });
    assert(new Set(gone).size < peers.length, "the others are not told at once");
    await waitUntil(() => new Set(gone).size === peers.length, { what: "all are told" });
  });

  test("diagnostics channels tell of connections and of limits", async (t) => {
    const told: string[] = [];
    for (const name of ["connection.open", "connection.close", "limit"]) {
      const listener = (message: unknown) => told.push(`${name} ${(message as { limit?: string }).limit ?? ""}`.trim());
      subscribe(`realchat.rpc.${name}`, listener);
      t.after(() => unsubscribe(`realchat.rpc.${name}`, listener));
    }
    const { client, port } = await engineWithEcho(t, { limits: { connectionsMax: 1 } });
    await client.unary("");
    const second = openRawConnection(t, port);
    await once(second, "close");
    client.close();
    await waitUntil(() => told.length === 3, { what: "all three have told" });
    assert.deepEqual(told, ["connection.open", "limit connectionsMax", "connection.close"]);
  });

  test("TLS: a client that does not agree on h2 is closed, and a drain cuts what is still open", async (t) => {
    const { ca, server: tls } = issueCertificates();
    const began = Promise.withResolvers<void>();
    const server = createRpcServer({
      services: [
        implement(TextDefinition, {
          ...{ download: unused, upload: unused, chat: unused },
          unary: () => {
            began.resolve();
            return new Promise<never>(() => undefined);
          },
        }),
      ],
      tls,
    });
    const port = await server.listen({ host: "127.0.0.1", port: 0 });
    t.after(() => server.drain(0));
    for (const ALPNProtocols of [["http/1.1"], undefined]) {
      const other = connect({ host: "127.0.0.1", port, ca, servername: "localhost", ALPNProtocols });
      other.on("error", () => undefined);
      other.resume();
      await new Promise((resolve) => other.once("close", resolve));
    }
    const client = new TextClient(port, credentials.createSsl(Buffer.from(ca)));
    t.after(() => client.close());
    const call = errorOf(client.unary(""));
    await began.promise;
    await server.drain(20);
    assert.notEqual((await call).code, 0);
    assert.equal(server.metrics().connections, 0);
  });

  test("a new certificate is for new connections, open ones stay; one that cannot be used changes nothing", async (t) => {
    const [first, second] = [issueCertificates(), issueCertificates()];
    const { server, port } = await engineWithEcho(t, { tls: first.server });
    const clientWho = (trusts: string) => {
      const client = new TextClient(port, credentials.createSsl(Buffer.from(trusts)));
      t.after(() => client.close());
      return client;
    };
    const open = clientWho(first.ca);
    assert.equal(await open.unary("before"), "before");
    server.replaceTls(second.server);
    assert.throws(() => server.replaceTls({ ...first.server, key: second.server.key }), /cannot be used: .*mismatch/);
    assert.equal(await open.unary("open"), "open");
    assert.equal(await clientWho(second.ca).unary("new"), "new");
    assert.equal((await errorOf(clientWho(first.ca).unary(""))).code, status.UNAVAILABLE);
    assert.equal(server.metrics().connectionsTotal, 2);
  });
});

const unused = () => Promise.reject(new RpcError("UNIMPLEMENTED", "not of interest here"));

async function engineWithEcho(t: TestContext, options: Parameters<typeof serveTexts>[3] = {}) {
  const scene = await serveTexts(t, createRpcServer, echo, options);
  return { ...scene, server: scene.server as RpcEngine };
}
