import assert from "node:assert/strict";
import { test } from "node:test";
import { tableOf } from "./table.ts";

test("each figure stands beside its baseline, the ratio, the target and whether it is met", () => {
  const baseline = { name: "plain", samples: [4, 5, 6] };
  const target = { atMost: 2.2, ratioAtMost: 0.4 };
  const table = tableOf([
    { name: "Redis CPU", unit: "µs", samples: [2, 1.8765, 3], baseline, target },
    { name: "heartbeats", unit: "/s", samples: [714_394], target: { atLeast: 500_000 } },
    { name: "lost", unit: "ms", samples: [Number.POSITIVE_INFINITY] },
  ]);
  assert.deepEqual(table.split("\n"), [
    "figure      median (min–max)  baseline          ratio  target            met",
    "Redis CPU   2 (1.88–3) µs     5 (4–6) µs plain  0.5×   ≤ 2.2 µs, ≤ 0.4×  no",
    "heartbeats  714,394 /s                                 ≥ 500,000 /s      yes",
    "lost        ∞ ms",
  ]);
});
