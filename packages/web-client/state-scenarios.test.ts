import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { PresenceClient } from "./presence-client.js";
import { startScenarioGateway } from "./testing/scenario-gateway.ts";
import { play, scenarios } from "./testing/state-scenarios.js";

let gateway: Awaited<ReturnType<typeof startScenarioGateway>>;

before(async () => {
  gateway = await startScenarioGateway();
});

after(() => gateway.close());

describe("every scenario into and out of every state, in Node", () => {
  for (const scenario of scenarios) {
    test(`${scenario.at} ${JSON.stringify(scenario.token ?? "")}: ${scenario.steps.join(", ")}`, async () => {
      const { told, timers } = await play(scenario, PresenceClient, gateway.url);
      assert.deepEqual(told, scenario.told);
      if (told.at(-1)?.startsWith("closed")) assert.equal(timers, 0, "a client that is closed waits for nothing");
    });
  }
});
