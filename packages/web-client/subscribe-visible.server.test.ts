import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startChromium, type TestChromium, waitUntil } from "@realchat/presence-testing";
import { type ScriptedGateway, startScriptedGateway } from "./testing/scripted-gateway.ts";

let chromium: TestChromium;
let gateway: ScriptedGateway;

before(async () => {
  chromium = await startChromium();
  gateway = await startScriptedGateway((request, response) => {
    if (request.url === "/") {
      response.writeHead(200, { "content-type": "text/html" }).end(longList);
    } else if (request.url?.endsWith(".js")) {
      const code = readFileSync(join(import.meta.dirname, request.url));
      response.writeHead(200, { "content-type": "text/javascript" }).end(code);
    } else {
      response.writeHead(404).end();
    }
  });
});

after(async () => {
  await chromium.stop();
  await gateway.close();
});

/** A thousand users, of whom a screen holds ten. */
const longList = `<!doctype html><link rel="icon" href="data:,"><h1>Users</h1><ul></ul><script type="module">
  import { PresenceClient, subscribeVisible } from "/index.js";
  const client = new PresenceClient({ url: location.origin.replace("http", "ws") + "/ws" });
  const visible = subscribeVisible(client, (row) => row.id || nobody(row), {});
  const nobody = (row) => { throw new Error("shows nobody"); };
  visible.observe(document.querySelector("h1"));
  for (let index = 0; index < 1000; index++) {
    const row = document.createElement("li");
    row.id = "user-" + index;
    row.style.height = "50px";
    document.querySelector("ul").append(row);
    visible.observe(row);
  }
  client.connect();
  window.stop = () => visible.stop();
</script>`;

test("whoever comes into view is subscribed to, and whoever leaves it no longer", async () => {
  const page = await chromium.browser.newPage({ viewport: { width: 400, height: 500 } });
  const errors: string[] = [];
  page.on("pageerror", ({ message }) => errors.push(message));
  await page.goto(gateway.url.replace("ws", "http").replace("/ws", "/"));
  const socket = await gateway.socket(0);
  const subscribed = () => {
    const users = new Set<string>();
    for (const frame of socket.heard) {
      if (frame.type === "subscribe") for (const id of frame.users) users.add(id);
      if (frame.type === "unsubscribe") for (const id of frame.users) users.delete(id);
    }
    return users;
  };
  await waitUntil(() => subscribed().has("user-0"), { what: "the first row is subscribed to" });
  assert.ok(subscribed().size < 15, `${subscribed().size} users for a screen of ten`);
  await waitUntil(() => errors.length > 0, { what: "the page has told of its error" });
  assert.deepEqual(
    errors,
    ["shows nobody"],
    "an element that shows nobody is reported, and keeps nothing from the others",
  );

  await page.locator("#user-500").scrollIntoViewIfNeeded();
  await waitUntil(() => subscribed().has("user-500") && !subscribed().has("user-0"), { what: "the view has moved" });
  assert.ok(subscribed().size < 15, `${subscribed().size} users for a screen of ten`);

  const before = socket.heard.length;
  const scrolledMs = (await page.evaluate(`(async () => {
    const begin = performance.now();
    for (let y = 0; y < 6_000; y += 100) {
      scrollTo(0, y);
      await new Promise(requestAnimationFrame);
    }
    return performance.now() - begin;
  })()`)) as number;
  await waitUntil(() => subscribed().has("user-118"), { what: "the view is where it was scrolled to" });
  const said = socket.heard.length - before;
  const most = 2 * Math.ceil(scrolledMs / 200 + 1);
  assert.ok(said <= most, `${said} messages in ${scrolledMs} ms, where ${most} would do`);

  await page.evaluate("stop()");
  await waitUntil(() => subscribed().size === 0, { what: "nobody is subscribed to" });
  await page.close();
});

test("coming back into view wakes a client that waits", async () => {
  const page = await chromium.browser.newPage();
  const opened = gateway.sockets.length;
  await page.goto(gateway.url.replace("ws", "http").replace("/ws", "/"));
  // The longest of waits: a gateway that calls it slow, again and again.
  for (let index = opened; index < opened + 2; index++) {
    (await gateway.socket(index)).close(1013);
    await waitUntil(() => gateway.sockets[index]?.closeCode === 1013, { what: "it is closed" });
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
  }
  await gateway.socket(opened + 2);
  await page.close();
});
