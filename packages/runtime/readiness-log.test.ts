import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeClock } from "./fake-clock.ts";
import { createLog } from "./log.ts";
import { logReadiness } from "./readiness-log.ts";

function logged() {
  const lines: string[] = [];
  const log = createLog(
    { service: "presence", instance: "node-1", level: "info", format: "json" },
    { write: (line) => lines.push(`${JSON.parse(line).level} ${JSON.parse(line).msg}`) },
  );
  return { lines, log };
}

describe("readiness log", () => {
  test("what is not ready yet at the start is no warning, unless that lasts", async () => {
    const { lines, log } = logged();
    const clock = new FakeClock();
    let ready = false;
    const health = () => ({ ready, detail: ready ? "follows every shard" : "does not follow every shard" });
    const stuck = () => ({ ready: false, detail: "connection refused" });
    const look = logReadiness(log, { log: health, store: stuck }, clock);
    look();
    await clock.advance(4_900);
    ready = true;
    look();
    assert.deepEqual(lines, ["info log is ready: follows every shard"]);
    await clock.advance(200);
    ready = false;
    look();
    look();
    assert.deepEqual(lines.slice(1), [
      "warn log is not ready: does not follow every shard",
      "warn store is not ready: connection refused",
    ]);
  });

  test("a change is one line, whichever way it goes; no change is none", () => {
    const { lines, log } = logged();
    let ready = true;
    const look = logReadiness(
      log,
      { store: () => ({ ready, detail: ready ? "Redis 7" : "connection refused" }) },
      new FakeClock(),
    );
    look();
    look();
    ready = false;
    look();
    look();
    ready = true;
    look();
    assert.deepEqual(lines, [
      "info store is ready: Redis 7",
      "warn store is not ready: connection refused",
      "info store is ready: Redis 7",
    ]);
  });
});
