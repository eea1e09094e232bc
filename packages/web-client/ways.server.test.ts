import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { startChromium, type TestChromium } from "@realchat/presence-testing";
import { startGatewayOfWays } from "./testing/gateway-of-ways.ts";
import { ways } from "./testing/ways.js";

const html = `<!doctype html><link rel="icon" href="data:,"><script type="module">
  import { PresenceClient } from "/index.js";
  import { walk, ways } from "/testing/ways.js";
  window.walkWay = (index, gateway) => walk(ways[index], PresenceClient, gateway);
</script>`;

let chromium: TestChromium;
let gateway: Awaited<ReturnType<typeof startGatewayOfWays>>;
let page: Awaited<ReturnType<TestChromium["browser"]["newPage"]>>;
const errors: string[] = [];

before(async () => {
  chromium = await startChromium();
  gateway = await startGatewayOfWays((url) => {
    if (url === "/") return html;
    return url.endsWith(".js") ? readFileSync(join(import.meta.dirname, url), "utf8") : undefined;
  });
  page = await chromium.browser.newPage();
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(gateway.origin);
  await page.waitForFunction("window.walkWay");
});

after(async () => {
  await chromium.stop();
  await gateway.close();
});

describe("every way into and out of every state, in Chromium", () => {
  for (const [index, way] of ways.entries()) {
    test(`${way.at} ${JSON.stringify(way.token ?? "")}: ${way.steps.join(", ")}`, { timeout: 30_000 }, async () => {
      const walked = await page.evaluate(`walkWay(${index}, ${JSON.stringify(gateway.url)})`);
      const { told, timers } = walked as { told: string[]; timers: number };
      assert.deepEqual(told, way.told);
      if (told.at(-1)?.startsWith("closed")) assert.equal(timers, 0, "a client that is closed waits for nothing");
      assert.deepEqual(errors, [], "nothing is left uncaught");
    });
  }
});
