import assert from "node:assert/strict";
import { test } from "node:test";
import { seed } from "@realchat/presence-testing";
import fc from "fast-check";
import { DeadlineWheel } from "./deadline-wheel.ts";

const ttlMs = 20_000;
const rows = 8;

type Step =
  | { kind: "refresh"; row: number }
  | { kind: "end"; row: number }
  | { kind: "shorten"; row: number; ms: number }
  | { kind: "advance"; ms: number; limit: number };

const row = fc.nat(rows - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("refresh" as const), row }),
  fc.record({ kind: fc.constant("end" as const), row }),
  fc.record({ kind: fc.constant("shorten" as const), row, ms: fc.nat(5_000) }),
  fc.record({ kind: fc.constant("advance" as const), ms: fc.nat(1_000), limit: fc.nat(3) }),
);

test("takes down exactly who is due, as a look at all would", () => {
  const property = fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
    const deadlines = new Float64Array(rows);
    const wheel = new DeadlineWheel({ deadlines, ttlMs, horizonMs: ttlMs + 1_000 });
    const filed = new Set<number>();
    let clockMs = 0;
    for (const step of steps) {
      if (step.kind === "advance") {
        clockMs += step.ms;
        for (let taken = 0; taken < step.limit; taken++) {
          const due = wheel.firstDue(clockMs);
          const oldest = Math.min(...[...filed].map((each) => deadlines[each] as number));
          if (oldest > clockMs) {
            assert.equal(due, -1);
            break;
          }
          assert(filed.has(due) && (deadlines[due] as number) <= clockMs);
          wheel.remove(due);
          filed.delete(due);
        }
      } else if (step.kind === "end") {
        if (filed.delete(step.row)) wheel.remove(step.row);
      } else if (step.kind === "refresh") {
        deadlines[step.row] = clockMs + ttlMs;
        if (!filed.has(step.row)) wheel.add(step.row);
        filed.add(step.row);
      } else if (filed.has(step.row)) {
        wheel.remove(step.row);
        deadlines[step.row] = Math.min(deadlines[step.row] as number, clockMs + step.ms);
        wheel.add(step.row);
      }
    }
  });
  fc.assert(property, { seed: seed(), numRuns: 500 });
});

test("a tick takes down in the order of deadlines, also whom a heartbeat moved among the others", () => {
  const deadlines = Float64Array.of(20_000, 20_010, 20_500);
  const wheel = new DeadlineWheel({ deadlines, ttlMs, horizonMs: ttlMs + 1_000 });
  for (let row = 0; row < 3; row++) wheel.add(row);
  deadlines[0] = 20_400;
  const order: number[] = [];
  for (let row = wheel.firstDue(20_900); row !== -1; row = wheel.firstDue(20_900)) {
    order.push(row);
    wheel.remove(row);
  }
  assert.deepEqual(order, [1, 0, 2]);
});

test("a heartbeat saves who is due and not yet taken down (P1)", () => {
  const deadlines = Float64Array.of(100, 200);
  const wheel = new DeadlineWheel({ deadlines, ttlMs, horizonMs: ttlMs + 1_000 });
  wheel.add(0);
  wheel.add(1);
  assert.equal(wheel.firstDue(500), 0);
  deadlines[0] = 500 + ttlMs;
  assert.equal(wheel.firstDue(500), 1);
  wheel.remove(1);
  assert.equal(wheel.firstDue(500), -1);
});
