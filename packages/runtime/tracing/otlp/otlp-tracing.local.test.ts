import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { systemClock } from "../../clock.ts";
import { openTracing } from "../open-tracing.ts";
import { startOtlpReceiver, type TestOtlpReceiver } from "../testing/index.ts";
import { traceContextIn } from "../traceparent.ts";
import type { Tracing, TracingConfig } from "../tracing.ts";

const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";

async function traced(
  context: TestContext,
  config: Partial<TracingConfig> = {},
): Promise<{ tracing: Tracing; receiver: TestOtlpReceiver; failures: Error[] }> {
  const receiver = await startOtlpReceiver();
  const failures: Error[] = [];
  const tracing = await openTracing({
    url: `${receiver.endpoint}/v1/traces`,
    ...{ serviceName: "presence", instanceId: "node-1" },
    sampler: { isParentBased: true, ratio: 1 },
    ...{ queueMax: 2_048, delayMs: 10, timeoutMs: 10_000, compression: "none", attributes: {} },
    tls: { ca: undefined, certificate: undefined, key: undefined },
    headers: () => ({}),
    onFailure: (error) => failures.push(error),
    clock: systemClock,
    ...config,
  });
  context.after(() => Promise.all([tracing.close(0), receiver.stop()]));
  return { tracing, receiver, failures };
}

test("a span arrives with its cause, its time and what it failed with", async (t) => {
  const { tracing, receiver } = await traced(t);
  const startUs = 1_790_000_000_123_456;
  const span = tracing.tracer.start("publish", {
    ...{ kind: "producer", parent: `${parent}-01`, startUs },
    attributes: { "presence.shard": 7, topic: "presence.events.v1" },
  });
  span.end("the broker is away");
  const received = await receiver.untilSpan("the one", () => true);
  const { traceId, spanId } = traceContextIn(span.traceparent) ?? {};
  const { endUs, resource, ...others } = received;
  assert.deepEqual(others, {
    ...{ service: "presence", name: "publish", kind: 4, startUs, failure: "the broker is away" },
    ...{ traceId, spanId, parentSpanId: "00f067aa0ba902b7" },
    attributes: { "presence.shard": "7", topic: "presence.events.v1" },
  });
  assert.equal(traceId, "4bf92f3577b34da6a3ce929d0e0e4736");
  assert.ok(endUs > 0);
  assert.equal(resource["service.instance.id"], "node-1");
  await tracing.close(10_000);
  assert.deepEqual(tracing.metrics().spans, { recorded: 1, sent: 1, failed: 0 });
});

test("whoever caused it decides whether it is recorded, where the sampler is parent-based", async (t) => {
  const { tracing } = await traced(t, { sampler: { isParentBased: true, ratio: 0 } });
  const isSampled = (flags: string) =>
    tracing.tracer.start("x", { kind: "server", parent: `${parent}-${flags}` }).isSampled;
  assert.deepEqual([isSampled("01"), isSampled("00")], [true, false]);
  const begun = tracing.tracer.start("x", { kind: "server", parent: "none that can be read" });
  assert.equal(begun.isSampled, false);
  assert.match(begun.traceparent, /^00-[\da-f]{32}-[\da-f]{16}-00$/);
});

test("requests are packed, say who is traced, and carry what is to be said of the caller just now", async (t) => {
  let token = "one";
  const { tracing, receiver } = await traced(t, {
    compression: "gzip",
    attributes: { "k8s.pod.name": "presence-0", "service.name": "another" },
    headers: () => ({ authorization: `Bearer ${token}` }),
  });
  for (const name of ["first", "second"]) {
    tracing.tracer.start(name, { kind: "server" }).end();
    const { resource, service } = await receiver.untilSpan(name, (span) => span.name === name);
    assert.deepEqual([resource["k8s.pod.name"], service], ["presence-0", "presence"]);
    token = "two";
  }
  assert.deepEqual(
    receiver.headers.map((of) => [of.authorization, of["content-encoding"]]),
    [
      ["Bearer one", "gzip"],
      ["Bearer two", "gzip"],
    ],
  );
});

test("a ratio records that share of traces", async (t) => {
  const { tracing } = await traced(t, { sampler: { isParentBased: false, ratio: 0.25 } });
  const spans = Array.from({ length: 1_000 }, () => tracing.tracer.start("x", { kind: "server" }));
  const share = spans.filter(({ isSampled }) => isSampled).length / spans.length;
  assert.ok(share > 0.15 && share < 0.35, String(share));
});

test("what waits is sent at the end, and no more than the queue holds", async (t) => {
  const { tracing, receiver } = await traced(t, { queueMax: 3, delayMs: 60_000 });
  for (let count = 0; count < 5; count++) tracing.tracer.start(`span ${count}`, { kind: "server" }).end();
  await tracing.close(10_000);
  const { recorded, sent } = tracing.metrics().spans;
  assert.equal(recorded, 5);
  assert.equal(receiver.spans.length, sent);
  assert.ok(sent >= 3 && sent <= 5, String(sent));
});

test("a collector that takes nothing is told of once, and holds up no end", async (t) => {
  const { tracing, receiver, failures } = await traced(t);
  receiver.answerWith(400);
  for (const name of ["first", "second"]) {
    const before = tracing.metrics().spans.failed;
    tracing.tracer.start(name, { kind: "server" }).end();
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = systemClock.every(5, () => tracing.metrics().spans.failed > before && resolve());
    await promise;
    cancel();
  }
  assert.equal(failures.length, 1);
  const late = Promise.withResolvers<number>();
  receiver.answerWith(late.promise);
  tracing.tracer.start("third", { kind: "server" }).end();
  await tracing.close(50);
  assert.equal(tracing.metrics().spans.failed, 2);
  late.resolve(400);
});
