import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createLog } from "./log.ts";
import { logReadiness } from "./readiness-log.ts";

describe("readiness log", () => {
  test("a change is one line, whichever way it goes; no change is none", () => {
    const lines: string[] = [];
    const log = createLog(
      { service: "presence", instance: "node-1", level: "info", format: "json" },
      { write: (line) => lines.push(`${JSON.parse(line).level} ${JSON.parse(line).msg}`) },
    );
    let ready = true;
    const look = logReadiness(log, { store: () => ({ ready, detail: ready ? "Redis 7" : "connection refused" }) });
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
