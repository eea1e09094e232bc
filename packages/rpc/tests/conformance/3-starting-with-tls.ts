import assert from "node:assert/strict";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { connect, type SecureVersion, type TLSSocket } from "node:tls";
import type { RpcServer, RpcServerOptions } from "../../server.ts";
import { issueCertificates } from "../../testing/certificates.ts";
import { ping } from "../../testing/raw-http2/frames.ts";
import { RawHttp2Client } from "../../testing/raw-http2/raw-http2-client.ts";
import { served } from "./reactions.ts";
import { texts, unary } from "./texts.ts";

/** RFC 9113 §3.2 and §3.3: what is agreed on in the TLS handshake. */
export function startingWithTls(create: (options: RpcServerOptions) => RpcServer): void {
  test('§3.2 ALPN offers "h2": HTTP/2 over TLS uses the "h2" protocol identifier', async (t) => {
    const socket = await shakeHands(t, create, ["http/1.1", "h2"]);
    assert.equal(socket?.alpnProtocol, "h2");
    const client = new RawHttp2Client(socket as TLSSocket);
    await client.begin();
    client.write(unary(1, "in secret"));
    await served("in secret")(client);
  });

  test('§3.2 ALPN offers only "h2c": The "h2c" protocol identifier MUST NOT be … selected by a server', async (t) => {
    const socket = await shakeHands(t, create, ["h2c"]);
    assert.notEqual(socket?.alpnProtocol, "h2c");
  });

  for (const [offer, protocols] of [
    ["no ALPN", []],
    ['ALPN offers only "http/1.1"', ["http/1.1"]],
  ] as const) {
    test(`§3.3 ${offer}: HTTP/2 connections over TLS MUST use protocol negotiation in TLS`, async (t) => {
      const socket = await shakeHands(t, create, protocols);
      if (socket === undefined) return;
      const client = new RawHttp2Client(socket);
      const begins = client.begin();
      await assert.rejects(begins, /closed/);
    });
  }

  test("§9.2.1 renegotiation: A deployment of HTTP/2 over TLS 1.2 MUST disable renegotiation", async (t) => {
    const socket = await shakeHands(t, create, ["h2"], "TLSv1.2");
    assert.equal(socket?.getProtocol(), "TLSv1.2");
    const client = new RawHttp2Client(socket as TLSSocket);
    await client.begin();
    socket?.renegotiate({}, () => undefined);
    client.write(ping());
    await client.untilClosed();
  });
}

/** @returns undefined when the server refused */
async function shakeHands(
  t: TestContext,
  create: (options: RpcServerOptions) => RpcServer,
  protocols: readonly string[],
  maxVersion: SecureVersion = "TLSv1.3",
): Promise<TLSSocket | undefined> {
  const { ca, server: tls } = issueCertificates();
  const server = create({ services: [texts], tls });
  const port = await server.listen({ host: "127.0.0.1", port: 0 });
  const address = { host: "127.0.0.1", port, servername: "localhost" };
  const socket = connect({ ...address, ca, ALPNProtocols: [...protocols], maxVersion });
  t.after(async () => {
    socket.destroy();
    await server.drain(0);
  });
  try {
    await once(socket, "secureConnect");
    return socket;
  } catch {
    return undefined;
  }
}
