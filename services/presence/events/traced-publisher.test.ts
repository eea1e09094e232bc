import assert from "node:assert/strict";
import { test } from "node:test";
import { startedSpans } from "@realchat/presence-runtime/tracing/testing";
import { transitionsIn } from "../domain/log-entry.ts";
import { MemoryPublisher } from "./memory.ts";
import { sampleReset, sampleTransition } from "./testing/sample-transition.ts";
import { TracedPublisher } from "./traced-publisher.ts";

const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

test("what is traced is published under a span of its own, from the transition to its acceptance", async () => {
  const { tracer, spans } = startedSpans();
  const inner = new MemoryPublisher();
  const publisher = new TracedPublisher(inner, tracer);
  const entries = [sampleTransition({ traceparent }), sampleTransition({ version: 7 }), sampleReset()];
  await publisher.publish(entries);
  const [span] = spans;
  assert.deepEqual(
    transitionsIn(inner.recent).map((transition) => transition.traceparent),
    [span?.traceparent, undefined],
  );
  assert.deepEqual(
    spans.map(({ name, parent, startUs, failure, isOver }) => ({ name, parent, startUs, failure, isOver })),
    [
      {
        ...{ name: "publish to memory", parent: traceparent, startUs: sampleTransition().version },
        ...{ failure: undefined, isOver: true },
      },
    ],
  );
});

test("what is refused is published under another span the next time", async () => {
  const { tracer, spans } = startedSpans();
  const publisher = new TracedPublisher(new MemoryPublisher(), tracer);
  await publisher.close(0);
  await assert.rejects(publisher.publish([sampleTransition({ traceparent })]));
  await assert.rejects(publisher.publish([sampleTransition({ traceparent })]));
  assert.deepEqual(
    spans.map(({ failure }) => failure),
    ["Error: the publisher is closed", "Error: the publisher is closed"],
  );
});
