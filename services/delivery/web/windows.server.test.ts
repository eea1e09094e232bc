import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { waitUntil } from "@realchat/presence-testing";
import type { Page } from "playwright-core";
import { pageScene, untilText } from "./testing/page-scene.ts";

const scene = pageScene();

const isDeviceClaimed =
  "navigator.locks.query().then(({ held }) => held.some(({ name }) => name === sessionStorage.getItem('device')))";

/** Opens another window with a copy of what this one keeps, as "duplicate tab" does, once this one has its device. */
async function duplicate(page: Page): Promise<Page> {
  await waitUntil(() => page.evaluate<boolean>(isDeviceClaimed), { what: "the window has claimed its device" });
  const [copy] = await Promise.all([
    scene.context.waitForEvent("page"),
    page.evaluate("void window.open(location.href)"),
  ]);
  return copy;
}

describe("a window", () => {
  test("that is a copy of another is another device, and stays that one", async () => {
    const original = await scene.asAda();
    const copy = await duplicate(scene.page);
    const copied = await scene.gateway.socket(1);
    assert.notEqual(copied.path, original.path);
    await copy.reload();
    assert.equal((await scene.gateway.socket(2)).path, copied.path);
    await scene.page.reload();
    assert.equal((await scene.gateway.socket(3)).path, original.path);
    await scene.page.close();
    const third = await duplicate(copy);
    assert.equal(new Set([original, copied, await scene.gateway.socket(4)].map(({ path }) => path)).size, 3);
    await third.close();
  });

  test("whose browser takes long over the claim has its device alone nevertheless", async () => {
    await scene.page.addInitScript("AbortSignal.timeout = () => AbortSignal.abort()");
    const original = await scene.asAda();
    await duplicate(scene.page);
    assert.notEqual((await scene.gateway.socket(1)).path, original.path);
  });

  test("keeps its device over many reloads", async () => {
    const { path } = await scene.asAda();
    for (let index = 1; index < 6; index++) {
      await scene.page.reload();
      assert.equal((await scene.gateway.socket(index)).path, path);
    }
  });

  test("has a device where the browser has no locks", async () => {
    await scene.context.addInitScript("delete Navigator.prototype.locks");
    const { path } = await scene.asAda();
    await scene.page.reload();
    assert.equal((await scene.gateway.socket(1)).path, path);
  });

  for (const [what, script] of [
    [
      "may keep nothing",
      'for (const name of ["sessionStorage", "localStorage"]) Object.defineProperty(window, name, { get() { throw new DOMException("denied", "SecurityError"); } });',
    ],
    ["has no room", 'Storage.prototype.setItem = () => { throw new DOMException("full", "QuotaExceededError"); };'],
    [
      "may not lock",
      'LockManager.prototype.request = async () => { throw new DOMException("denied", "SecurityError"); };',
    ],
  ] as const) {
    test(`that ${what} works all the same`, async () => {
      await scene.context.addInitScript(script);
      await scene.page.goto(scene.origin);
      await scene.page.getByText("Phone").click();
      await scene.page.getByRole("button", { name: "Bruno Costa" }).click();
      assert.match((await scene.gateway.socket(0)).path, /^\/ws\?user_id=bruno&device_id=phone-[0-9a-z]{4}$/);
      await untilText(scene.page, "[role=status]", "Connected");
      await scene.page.getByRole("button", { name: "Log out" }).click();
      await scene.page.getByRole("heading", { name: "Who is online, right now." }).waitFor();
    });
  }

  test("whose device is connected elsewhere does not take it back by cutting the network", async () => {
    const first = await scene.asAda();
    first.close(4000);
    await untilText(scene.page, "[role=status]", "This device is connected elsewhere");
    const cut = scene.page.locator(".action.cut");
    assert.equal(await cut.getAttribute("aria-disabled"), "true");
    await cut.click({ force: true });
    await untilText(scene.page, ".action.cut", "Cut the network");
    // A socket that it had asked for would be there before this one.
    await scene.page.getByRole("button", { name: "Use it here" }).click();
    await scene.gateway.socket(1);
    await untilText(scene.page, "[role=status]", "Connected");
    assert.equal(scene.gateway.sockets.length, 2);
    assert.equal(await cut.getAttribute("aria-disabled"), "false");
  });

  test("that the gateway has closed for good says why, and connects again when one asks for it", async () => {
    (await scene.asAda()).close(4429);
    await untilText(scene.page, "[role=status]", "Too many devices");
    await scene.page.getByRole("button", { name: "Try again" }).click();
    await scene.gateway.socket(1);
  });

  test("that cannot load what it needs says so, instead of staying blank", async () => {
    await scene.page.route("**/gateway.json", (route) => route.abort());
    await scene.page.goto(scene.origin);
    await scene.page.getByRole("alert").getByText("The gateway does not answer").waitFor();
    await scene.page.unroute("**/gateway.json");
    await scene.page.getByRole("button", { name: "Try again" }).click();
    await scene.page.getByRole("heading", { name: "Who is online, right now." }).waitFor();
    await waitUntil(() => scene.gateway.sockets.length === 0, { what: "nobody is signed in" });
  });
});
