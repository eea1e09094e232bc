import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { PresenceClient } from "./presence-client.js";
import { startGatewayOfWays } from "./testing/gateway-of-ways.ts";
import { walk, ways } from "./testing/ways.js";

let gateway: Awaited<ReturnType<typeof startGatewayOfWays>>;

before(async () => {
  gateway = await startGatewayOfWays();
});

after(() => gateway.close());

describe("every way into and out of every state, in Node", () => {
  for (const way of ways) {
    test(`${way.at} ${JSON.stringify(way.token ?? "")}: ${way.steps.join(", ")}`, async () => {
      const { told, timers } = await walk(way, PresenceClient, gateway.url);
      assert.deepEqual(told, way.told);
      if (told.at(-1)?.startsWith("closed")) assert.equal(timers, 0, "a client that is closed waits for nothing");
    });
  }
});
