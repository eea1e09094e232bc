import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Client, type ClientReadableStream, credentials, type ServiceError, status } from "@grpc/grpc-js";
import { health } from "@realchat/presence-proto";
import { waitUntil } from "@realchat/presence-testing";
import { Health } from "./health.ts";
import { createRpcServer } from "./server/rpc-server.ts";
import type { RpcServer } from "./server.ts";
import type { CallContext, ServerStreamHandler } from "./service.ts";

const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = health.HealthCheckResponse_ServingStatus;

test("nothing serves until it is told so", async (t) => {
  const { client, health } = await serveHealth(t);
  assert.equal(await client.check(""), NOT_SERVING);
  health.set("", true);
  assert.equal(await client.check(""), SERVING);
});

test("every service has a status of its own; one that was never set is NOT_FOUND", async (t) => {
  const { client, health } = await serveHealth(t);
  health.set("", true);
  health.set("test.v1.Up", true);
  health.set("test.v1.Down", false);
  assert.equal(await client.check("test.v1.Up"), SERVING);
  assert.equal(await client.check("test.v1.Down"), NOT_SERVING);
  const error = await client.check("test.v1.Other").catch((reason: ServiceError) => reason);
  assert.ok(error instanceof Error);
  assert.equal(error.code, status.NOT_FOUND);
  assert.equal(error.details, 'no service has the name "test.v1.Other" here');
});

test("a watcher gets the status at once, then each change, and nothing when nothing changes", async (t) => {
  const { client, health } = await serveHealth(t);
  health.set("test.v1.Up", true);
  const watch = client.watch("test.v1.Up");
  await seen(watch, [SERVING]);
  health.set("test.v1.Up", true);
  health.set("", true);
  health.set("test.v1.Up", false);
  await seen(watch, [SERVING, NOT_SERVING]);
  health.set("test.v1.Up", true);
  await seen(watch, [SERVING, NOT_SERVING, SERVING]);
});

test("a watcher of an unknown service is told so, and told when it appears", async (t) => {
  const { client, health } = await serveHealth(t);
  const watch = client.watch("test.v1.Late");
  await seen(watch, [SERVICE_UNKNOWN]);
  health.set("test.v1.Late", true);
  await seen(watch, [SERVICE_UNKNOWN, SERVING]);
});

test("a drain turns everything NOT_SERVING for good and ends the watches, so that they hold up nothing", async (t) => {
  const { client, health, server } = await serveHealth(t);
  health.set("", true);
  health.set("test.v1.Up", true);
  const watches = [client.watch(""), client.watch("test.v1.Up"), client.watch("test.v1.Other")] as const;
  for (const watch of watches) await waitUntil(() => watch.statuses.length > 0, { what: "the watch has its status" });
  health.drain();
  health.set("test.v1.Up", true);
  assert.equal(await client.check("test.v1.Up"), NOT_SERVING);
  await Promise.all(watches.map(({ ended }) => ended));
  assert.deepEqual(
    watches.map(({ statuses }) => statuses),
    [[SERVING, NOT_SERVING], [SERVING, NOT_SERVING], [SERVICE_UNKNOWN]],
  );
  const late = client.watch("");
  await late.ended;
  assert.deepEqual(late.statuses, [NOT_SERVING]);
  await server.drain(30_000);
});

test("a watcher that goes away leaves nothing behind that waits for a change", async () => {
  const { service } = new Health();
  const caller = new AbortController();
  const watch = service.handlers.watch as ServerStreamHandler<health.HealthCheckRequest, health.HealthCheckResponse>;
  const responses = { write: () => true, drained: () => Promise.resolve() };
  const call = { signal: caller.signal } as CallContext;
  const watching = watch({ service: "" }, responses, call);
  caller.abort();
  await watching;
});

async function serveHealth(t: TestContext): Promise<{ client: HealthClient; health: Health; server: RpcServer }> {
  const health = new Health();
  const server = createRpcServer({ services: [health.service] });
  const port = await server.listen({ host: "127.0.0.1", port: 0 });
  const client = new HealthClient(`127.0.0.1:${port}`, credentials.createInsecure());
  t.after(async () => {
    client.close();
    await server.drain(0);
  });
  return { client, health, server };
}

interface Watch {
  readonly statuses: number[];
  readonly ended: Promise<unknown>;
}

class HealthClient extends Client {
  check(service: string): Promise<number> {
    return new Promise((resolve, reject) =>
      this.makeUnaryRequest("/grpc.health.v1.Health/Check", encode, decode, { service }, (error, response) =>
        error === null ? resolve(response?.status ?? 0) : reject(error),
      ),
    );
  }

  watch(service: string): Watch {
    const stream: ClientReadableStream<health.HealthCheckResponse> = this.makeServerStreamRequest(
      "/grpc.health.v1.Health/Watch",
      encode,
      decode,
      { service },
    );
    const statuses: number[] = [];
    stream.on("data", (response: health.HealthCheckResponse) => statuses.push(response.status));
    stream.on("error", () => undefined);
    return { statuses, ended: new Promise((resolve) => stream.on("end", resolve)) };
  }
}

async function seen(watch: Watch, expected: number[]): Promise<void> {
  await waitUntil(() => watch.statuses.length >= expected.length, { what: `${expected.length} statuses came` });
  assert.deepEqual(watch.statuses, expected);
}

const encode = (request: health.HealthCheckRequest) => Buffer.from(health.HealthCheckRequest.encode(request).finish());
const decode = (bytes: Buffer) => health.HealthCheckResponse.decode(bytes);
