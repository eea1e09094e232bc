import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { systemClock } from "@realchat/presence-runtime/clock";
import { freePort, resetConnection, waitUntil } from "@realchat/presence-testing";
import { sampleTransition } from "../testing/sample-transition.ts";
import { KafkaPublisher } from "./kafka-publisher.ts";
import type { KafkaOptions } from "./options.ts";

// A refused connection is refused before the time for it is over, on a busy machine too.
const timeouts = { publishTimeoutMs: 1_500, connectTimeoutMs: 500 };

function publisherFor(context: TestContext, port: number, options: Partial<KafkaOptions> = {}): KafkaPublisher {
  const publisher = new KafkaPublisher({
    brokers: [`127.0.0.1:${port}`],
    topic: "presence.events.v1",
    clientId: "test",
    clock: systemClock,
    ...timeouts,
    ...options,
  });
  context.after(() => publisher.close(0));
  return publisher;
}

/** A peer that does what it likes with connections. */
async function listen(context: TestContext, accept: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    accept(socket);
  });
  context.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return (server.address() as AddressInfo).port;
}

async function durationMs(work: () => Promise<unknown>): Promise<number> {
  const startedMs = systemClock.monotonicMs();
  await work();
  return systemClock.monotonicMs() - startedMs;
}

test("nobody listens: open resolves, health says who is missing, a publish is rejected when its time is over", async (context) => {
  const port = await freePort();
  const publisher = publisherFor(context, port);
  await publisher.open();
  assert.equal(publisher.health().ready, false);
  assert.match(publisher.health().detail, new RegExp(`127.0.0.1:${port} failed: connect ECONNREFUSED`));
  const tookMs = await durationMs(() =>
    assert.rejects(publisher.publish([sampleTransition()]), /not accepted within 1500 ms: .*ECONNREFUSED/),
  );
  assert.ok(tookMs >= 1_490 && tookMs < 10_000, `${tookMs} ms`);
  assert.match(publisher.health().detail, /the last publish failed: not accepted within 1500 ms/);
  assert.equal(publisher.metrics().failures, 1);
});

test("someone listens and never answers: that is noticed in time, too", async (context) => {
  const port = await listen(context, () => {});
  const publisher = publisherFor(context, port);
  const openedMs = await durationMs(() => publisher.open());
  assert.ok(openedMs < 5_000, `${openedMs} ms`);
  assert.match(publisher.health().detail, new RegExp(`no answer from 127.0.0.1:${port} within 500 ms`));
  await assert.rejects(publisher.publish([sampleTransition()]), /not accepted within 1500 ms: no answer from/);
});

test("of two brokers the one that hangs does not keep the other from being asked", async (context) => {
  const hanging = await listen(context, () => {});
  let asked = 0;
  const other = await listen(context, (socket) => {
    socket.on("data", () => asked++);
  });
  const publisher = publisherFor(context, hanging, { brokers: [`127.0.0.1:${hanging}`, `127.0.0.1:${other}`] });
  await publisher.open();
  await waitUntil(() => asked > 0, { what: "the second broker is asked" });
});

test("closing ends a publish that waits, as soon as the grace is over", async (context) => {
  const publisher = publisherFor(context, await freePort(), { publishTimeoutMs: 60_000 });
  await publisher.open();
  const rejected = assert.rejects(publisher.publish([sampleTransition()]), /closed/);
  const tookMs = await durationMs(() => publisher.close(50));
  await rejected;
  assert.ok(tookMs >= 45 && tookMs < 30_000, `${tookMs} ms`);
});

test("a second publish while one is under way is a bug of ours", async (context) => {
  const publisher = publisherFor(context, await freePort());
  await publisher.open();
  const first = assert.rejects(publisher.publish([sampleTransition()]));
  await assert.rejects(publisher.publish([sampleTransition()]), /one publish at a time/);
  await first;
});

test("a broker that refuses a login and then resets the connection does not end the process", async (context) => {
  const apiVersions = 18;
  const unsupportedSaslMechanism = 33;
  let resets = 0;
  const port = await listen(context, (socket) => {
    socket.on("data", (request) => {
      const isLogin = request.readInt16BE(4) !== apiVersions;
      socket.write(emptyResponse(request.readInt32BE(8), isLogin ? unsupportedSaslMechanism : 0));
      if (!isLogin) return;
      // The answer must be read before the reset comes, which throws away what is still unread.
      systemClock.after(20, () => {
        resets++;
        resetConnection(socket);
      });
    });
  });
  const sasl = { mechanism: "PLAIN", username: "alice", password: "open sesame" } as const;
  const publisher = publisherFor(context, port, { sasl });
  await publisher.open();
  assert.match(publisher.health().detail, /Cannot find a suitable SASL mechanism: UNSUPPORTED_SASL_MECHANISM/);
  await waitUntil(() => resets >= 3, { what: "three connections were reset" });
});

/** Of ApiVersions v1 and SaslHandshake v1, as far as this client reads them: size, correlation id, error, no entries. */
function emptyResponse(correlationId: number, errorCode: number): Buffer {
  const response = Buffer.alloc(4 + 4 + 2 + 4 + 4);
  response.writeInt32BE(response.length - 4, 0);
  response.writeInt32BE(correlationId, 4);
  response.writeInt16BE(errorCode, 8);
  return response;
}
