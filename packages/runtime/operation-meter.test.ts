import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeClock } from "./fake-clock.ts";
import { OperationMeter } from "./operation-meter.ts";

describe("operation meter", () => {
  test("counts operations by kind, those that failed, and the time they took", async () => {
    const clock = new FakeClock();
    const meter = new OperationMeter(["read", "write"], clock);
    const reading = meter.measure(
      "read",
      () => new Promise<string>((resolve) => void clock.after(20, () => resolve("x"))),
    );
    await clock.advance(20);
    assert.equal(await reading, "x");
    await assert.rejects(
      meter.measure("read", () => Promise.reject(new Error("away"))),
      /away/,
    );
    assert.deepEqual(meter.operations, {
      read: { count: 2, failed: 1, totalMs: 20 },
      write: { count: 0, failed: 0, totalMs: 0 },
    });
  });
});
