import assert from "node:assert/strict";
import { test } from "node:test";
import { startChromium } from "./chromium.ts";
import { waitUntil } from "./wait-until.ts";

test("a test's Chromium shows pages, and can be killed under them", async () => {
  const chromium = await startChromium();
  const page = await chromium.browser.newPage();
  await page.setContent("<title>A page</title>");
  assert.equal(await page.title(), "A page");

  await chromium.kill();
  await waitUntil(() => !chromium.browser.isConnected(), { what: "the connection to the browser is gone" });
  await assert.rejects(page.evaluate(() => 1));
  await chromium.stop();
});
