import assert from "node:assert/strict";
import { test } from "node:test";
import { traceContextIn, traceparentOf } from "./traceparent.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const spanId = "00f067aa0ba902b7";

test("a traceparent names a trace, a span, and whether they are recorded", () => {
  const recorded = traceContextIn(`00-${traceId}-${spanId}-01`);
  assert.deepEqual(recorded, { traceId, spanId, isSampled: true });
  assert.equal(recorded && traceparentOf(recorded), `00-${traceId}-${spanId}-01`);
  assert.equal(traceContextIn(`00-${traceId}-${spanId}-00`)?.isSampled, false);
  assert.equal(traceContextIn(`00-${traceId}-${spanId}-03`)?.isSampled, true, "bit 1 is another flag");
});

test("what is no traceparent is none", () => {
  const wrongs = [
    ...[undefined, "", "yes", `00-${traceId}-${spanId}`, `01-${traceId}-${spanId}-01`, `00-${traceId}-${spanId}-01-x`],
    ...[`00-${"0".repeat(32)}-${spanId}-01`, `00-${traceId}-${"0".repeat(16)}-01`],
    ...[`00-${traceId.toUpperCase()}-${spanId}-01`, `00-${traceId}-${spanId}-01\n`, `00-${traceId}\0-${spanId}-01`],
  ];
  for (const wrong of wrongs) assert.equal(traceContextIn(wrong), undefined, JSON.stringify(wrong));
});
