import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { startChromium, type TestChromium, waitUntil } from "@realchat/presence-testing";
import type { BrowserContext, Page } from "playwright-core";
import { type ScriptedGateway, type ScriptedSocket, startScriptedGateway } from "./testing/scripted-gateway.ts";

const minuteMs = 60_000;

const html = `<!doctype html><link rel="icon" href="data:,"><button>Nothing</button><script type="module">
  import { PresenceClient } from "/index.js";
  import { handClock } from "/testing/hand-clock.js";
  window.clock = handClock();
  window.client = new PresenceClient({ url: location.origin.replace("http", "ws") + "/ws", clock: window.clock });
  window.client.connect();
  // Hears after the client's own has.
  window.heard = 0;
  if (window.BroadcastChannel) new BroadcastChannel("realchat-presence").onmessage = () => { window.heard += 1; };
</script>`;

let chromium: TestChromium;
let gateway: ScriptedGateway;
let context: BrowserContext;

before(async () => {
  chromium = await startChromium();
  gateway = await startScriptedGateway(({ url = "" }, response) => {
    const type = url.endsWith(".js") ? "text/javascript" : "text/html";
    const body = url.endsWith(".js") ? readFileSync(join(import.meta.dirname, url)) : html;
    response.writeHead(200, { "content-type": type }).end(body);
  });
});

beforeEach(async () => {
  context = await chromium.browser.newContext();
});

afterEach(() => context.close());

after(async () => {
  await chromium.stop();
  await gateway.close();
});

/** A tab, and what it says of its use. */
async function openTab(): Promise<{ page: Page; said: () => readonly unknown[] }> {
  const index = gateway.sockets.length;
  const page = await context.newPage();
  await page.goto(gateway.url.replace("ws", "http").replace("/ws", "/"));
  const socket: ScriptedSocket = await gateway.socket(index);
  const said = () => socket.heard;
  await waitUntil(() => said().length === 1, { what: "it has said that it is used" });
  return { page, said };
}

const advance = (page: Page, byMs: number) => page.evaluate(`clock.advance(${byMs})`);
const untilSaid = (tab: { said: () => readonly unknown[] }, count: number) =>
  waitUntil(() => tab.said().length === count, { what: `it has said ${count} things` });

const used = { type: "activity", idle: false, age: 0 };
const idle = { type: "activity", idle: true, age: 5 * minuteMs };

describe("a browser is idle", () => {
  test("when nobody has used any of its tabs for 5 minutes, and no longer when somebody uses one", async () => {
    const [one, other] = [await openTab(), await openTab()];
    for (const { page } of [one, other]) await advance(page, 4 * minuteMs);
    await other.page.keyboard.press("a");
    await one.page.waitForFunction("heard === 1");
    for (const { page } of [one, other]) await advance(page, 5 * minuteMs - 1);
    assert.deepEqual([one.said(), other.said()], [[used], [used]]);
    for (const { page } of [one, other]) await advance(page, 1);
    for (const tab of [one, other]) await untilSaid(tab, 2);
    assert.deepEqual(
      [one.said(), other.said()],
      [
        [used, idle],
        [used, idle],
      ],
    );
    await one.page.mouse.move(10, 10);
    await one.page.mouse.move(20, 20);
    for (const tab of [one, other]) await untilSaid(tab, 3);
    assert.deepEqual(
      [one.said(), other.said()],
      [
        [used, idle, used],
        [used, idle, used],
      ],
    );
  });

  test("whatever scripts do to its page", async () => {
    const { page, said } = await openTab();
    await advance(page, 4 * minuteMs);
    await page.evaluate(`for (const type of ["click", "keydown", "pointermove"]) document.body.dispatchEvent(new Event(type));
      document.querySelector("button").click();`);
    await advance(page, minuteMs);
    await waitUntil(() => said().length === 2, { what: "it has said that it is idle" });
    assert.deepEqual(said(), [used, idle]);
  });

  test("by the use of each tab alone, where tabs cannot tell each other", async () => {
    await context.addInitScript("delete window.BroadcastChannel");
    const [one, other] = [await openTab(), await openTab()];
    await advance(one.page, 5 * minuteMs);
    await untilSaid(one, 2);
    await one.page.mouse.wheel(0, 10);
    await untilSaid(one, 3);
    assert.deepEqual(other.said(), [used]);
  });

  test("no longer told once its client is closed, and nobody listens any more", async () => {
    const { page, said } = await openTab();
    await page.evaluate("client.close()");
    assert.equal(await page.evaluate("clock.timers()"), 0);
    await advance(page, 5 * minuteMs);
    assert.deepEqual(said(), [used]);
  });
});
