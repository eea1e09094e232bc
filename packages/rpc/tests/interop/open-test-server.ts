import type { TestContext } from "node:test";
import { type ChannelOptions, credentials } from "@grpc/grpc-js";
import type { RpcServer, RpcServerOptions } from "../../server.ts";
import type { Service } from "../../service.ts";
import { issueCertificates } from "../../testing/certificates.ts";
import { framed, openRawConnection } from "../../testing/raw-call.ts";
import { TestServiceDefinition } from "./generated/grpc/testing/test.ts";
import { TestClient } from "./test-client.ts";
import { testService } from "./test-service.ts";
import { callOnTheWire, type WireAnswer } from "./wire-call.ts";

export type CreateServer = (options: RpcServerOptions) => RpcServer;
export type Transport = "plain text" | "TLS";

/** A test server of one test, and the ways to it. */
export interface OpenServer {
  readonly port: number;
  /** PEM, of its TLS. */
  readonly ca: string | undefined;
  /** @param service which the client believes to be there; default the one that is */
  client(options?: ChannelOptions, service?: string): TestClient;
  /** Calls a method with these messages, uncompressed, by a client that takes gzip. */
  call(method: string, messages: readonly Uint8Array[]): Promise<WireAnswer>;
  /** The method of each call that reached its handler. */
  readonly begun: readonly string[];
  /** The method of each call that is over for the server. */
  readonly ended: readonly string[];
}

/** Opens it on a free port of the loopback, and closes it with its clients after the test. */
export async function openTestServer(t: TestContext, transport: Transport, create: CreateServer): Promise<OpenServer> {
  const begun: string[] = [];
  const ended: string[] = [];
  const { ca, server: tls } = transport === "TLS" ? issueCertificates() : { ca: undefined, server: undefined };
  const server = create({
    services: [tellingWhatBegins(testService(), begun)],
    observer: { finished: (method) => ended.push(method.split("/")[1] as string) },
    tls,
  });
  const port = await server.listen({ host: "127.0.0.1", port: 0 });
  const clients: TestClient[] = [];
  t.after(async () => {
    for (const client of clients) client.close();
    await server.drain(0);
  });
  return {
    port,
    ca,
    client(options = {}, service = TestServiceDefinition.fullName) {
      const security = ca === undefined ? credentials.createInsecure() : credentials.createSsl(Buffer.from(ca));
      const client = new TestClient(service, port, security, options);
      clients.push(client);
      return client;
    },
    async call(method, messages) {
      const session = openRawConnection(t, port, ca);
      const path = `/${TestServiceDefinition.fullName}/${method}`;
      const pieces = messages.map((message) => framed(Buffer.from(message)));
      const answer = await callOnTheWire(session, { path, headers: { "grpc-accept-encoding": "gzip" }, pieces });
      session.close();
      return answer;
    },
    begun,
    ended,
  };
}

function tellingWhatBegins({ definition, handlers }: Service, begun: string[]): Service {
  const telling = Object.entries(definition.methods).map(([key, { name }]) => {
    const handler = handlers[key] as (...parameters: unknown[]) => unknown;
    return [
      key,
      (...parameters: unknown[]) => {
        begun.push(name);
        return handler(...parameters);
      },
    ];
  });
  return { definition, handlers: Object.fromEntries(telling) };
}
