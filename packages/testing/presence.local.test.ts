import assert from "node:assert/strict";
import { test } from "node:test";
import { startPresence } from "./presence.ts";

test("a presence node of a test is ready when it is returned, and ends on stop", async () => {
  const node = await startPresence({ env: { LOG_FORMAT: "json" } });
  const health = await fetch(`http://${node.httpAddress}/health/live`);
  assert.equal(health.status, 200);
  assert.notEqual(node.logs(), "");
  assert.equal(await node.stop(), 0);
});

test("a presence node that cannot start says why in its own words", async () => {
  await assert.rejects(
    startPresence({ env: { SESSION_TTL: "soon" } }),
    /ended with code [1-9]\d*; it said:[\s\S]*SESSION_TTL/,
  );
});
