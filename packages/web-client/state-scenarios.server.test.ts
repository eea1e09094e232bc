import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { startChromium, type TestChromium } from "@realchat/presence-testing";
import { startScenarioGateway } from "./testing/scenario-gateway.ts";
import { scenarios } from "./testing/state-scenarios.js";

const html = `<!doctype html><link rel="icon" href="data:,"><script type="module">
  import { PresenceClient } from "/index.js";
  import { play, scenarios } from "/testing/state-scenarios.js";
  window.playScenario = (index, gateway) => play(scenarios[index], PresenceClient, gateway);
</script>`;

let chromium: TestChromium;
let gateway: Awaited<ReturnType<typeof startScenarioGateway>>;
let page: Awaited<ReturnType<TestChromium["browser"]["newPage"]>>;
const errors: string[] = [];

before(async () => {
  chromium = await startChromium();
  gateway = await startScenarioGateway((url) => {
    if (url === "/") return html;
    return url.endsWith(".js") ? readFileSync(join(import.meta.dirname, url), "utf8") : undefined;
  });
  page = await chromium.browser.newPage();
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(gateway.origin);
  await page.waitForFunction("window.playScenario");
});

after(async () => {
  await chromium.stop();
  await gateway.close();
});

describe("every scenario into and out of every state, in Chromium", () => {
  for (const [index, scenario] of scenarios.entries()) {
    test(`${scenario.at} ${JSON.stringify(scenario.token ?? "")}: ${scenario.steps.join(", ")}`, {
      timeout: 30_000,
    }, async () => {
      const played = await page.evaluate(`playScenario(${index}, ${JSON.stringify(gateway.url)})`);
      const { told, timers } = played as { told: string[]; timers: number };
      assert.deepEqual(told, scenario.told);
      if (told.at(-1)?.startsWith("closed")) assert.equal(timers, 0, "a client that is closed waits for nothing");
      assert.deepEqual(errors, [], "nothing is left uncaught");
    });
  }
});
