import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { startChromium, type TestChromium, waitUntil } from "@realchat/presence-testing";
import type { BrowserContext, Page } from "playwright-core";
import { type ScriptedPage, startScriptedPage } from "./testing/scripted-page.ts";

let chromium: TestChromium;
let scripted: ScriptedPage;
let context: BrowserContext;
let page: Page;
let errors: string[];

before(async () => {
  chromium = await startChromium();
});

beforeEach(async () => {
  scripted = await startScriptedPage();
  context = await chromium.browser.newContext({ viewport: { width: 1280, height: 800 } });
  page = await context.newPage();
  errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
});

afterEach(async () => {
  await context.close();
  await scripted.gateway.close();
  assert.deepEqual(errors, []);
});

after(() => chromium.stop());

const now = () => Math.floor(performance.timeOrigin + performance.now());
const contact = (id: string) => page.locator(`.contact[data-user=${id}]`);
/** What a contact's row says, without the initials on the avatar. */
const textOf = async (id: string) => (await contact(id).innerText()).replaceAll(/\s+/g, " ").replace(/^[A-Z]{2} /, "");
const untilText = (id: string, text: string) =>
  waitUntil(async () => (await textOf(id)).includes(text), { what: `${id} shows "${text}"` });

/** Ada's window, and the socket that it opened. */
async function asAda(index = 0) {
  await page.goto(`${scripted.origin}/?as=ada`);
  return scripted.gateway.socket(index);
}

describe("the page", () => {
  test("signs in as somebody of the cast, on a device that a reload keeps and another window does not share", async () => {
    await page.goto(scripted.origin);
    await page.getByText("Phone").click();
    await page.getByRole("button", { name: "Bruno Costa" }).click();
    const first = await scripted.gateway.socket(0);
    assert.match(first.path, /^\/ws\?user_id=bruno&device_id=phone-[0-9a-z]{4}$/);
    await page.reload();
    assert.equal((await scripted.gateway.socket(1)).path, first.path);

    const [other] = await Promise.all([
      context.waitForEvent("page"),
      page.getByRole("link", { name: "Open a window as Chen Wei" }).click(),
    ]);
    const { path } = await scripted.gateway.socket(2);
    assert.match(path, /user_id=chen&device_id=laptop-/);
    await other.close();
  });

  test("shows who is online and on what, and when others were last seen", async () => {
    const socket = await asAda();
    socket.send({
      type: "snapshot",
      users: [
        { id: "bruno", online: true, version: 1, devices: ["laptop-1", "phone-2"] },
        { id: "chen", online: false, version: 1, lastSeen: now() - 130_000 },
        { id: "dina", online: false, version: 1 },
      ],
    });
    await contact("dina").waitFor();
    assert.equal(await textOf("bruno"), "Bruno Costa Designer Laptop Phone Online");
    assert.equal(await textOf("chen"), "Chen Wei Engineer last seen 2 min ago");
    assert.equal(await textOf("dina"), "Dina Haddad Customer support Offline");
    assert.equal(await page.getByText("1 of 3 online").count(), 1);
  });

  test("tells changes as they come, with cause, device and latency", async () => {
    const socket = await asAda();
    const at = now();
    socket.send({ type: "snapshot", users: [{ id: "bruno", online: false, version: 1 }] });
    socket.send({
      type: "presence",
      users: [{ id: "bruno", online: true, version: 2, cause: "connected", device: "phone-2", at }],
    });
    await untilText("bruno", "Phone Online");
    const entry = page.locator(".feed li");
    assert.match(
      (await entry.innerText()).replaceAll(/\s+/g, " "),
      /^Bruno Costa came online .* connected on Phone <?\d/,
    );
    socket.send({
      type: "presence",
      users: [{ id: "bruno", online: false, version: 3, cause: "logged_out", at, lastSeen: now() }],
    });
    await untilText("bruno", "last seen just now");
    assert.match(await entry.first().innerText(), /went offline[\s\S]*logged out/);
  });

  test("says, to who may see nobody, how that comes", async () => {
    const socket = await asAda();
    socket.send({ type: "snapshot", users: [] });
    const empty = page.getByText(/Nobody to see yet.*contacts once each has the other.*audience import people\.jsonl/);
    await empty.waitFor();
    socket.send({ type: "snapshot", users: [{ id: "bruno", online: true, version: 1 }] });
    await empty.waitFor({ state: "hidden" });
  });

  test("forgets whom it may no longer see", async () => {
    const socket = await asAda();
    socket.send({ type: "snapshot", users: [{ id: "bruno", online: true, version: 1 }] });
    await contact("bruno").waitFor();
    socket.send({ type: "hidden", users: ["bruno"] });
    await contact("bruno").waitFor({ state: "detached" });
  });

  test("cut off, it says so, and catches up when it is back", async () => {
    const first = await asAda();
    first.send({ type: "snapshot", users: [{ id: "bruno", online: true, version: 1 }] });
    await contact("bruno").waitFor();
    await page.getByRole("button", { name: "Cut the network" }).click();
    await page.getByRole("status").getByText("Network cut").waitFor();
    await waitUntil(() => first.closeCode === 1000, { what: "the socket is closed" });
    await page.getByRole("button", { name: "Restore the network" }).click();
    const second = await scripted.gateway.socket(1);
    second.send({ type: "snapshot", users: [{ id: "bruno", online: false, version: 2, cause: "connection_lost" }] });
    await page.locator(".feed").getByText("caught up").waitFor();
    assert.equal(await page.getByRole("status").innerText(), "Connected");
  });

  test("logs out with the code for it, and asks who is next", async () => {
    const socket = await asAda();
    await page.getByRole("button", { name: "Log out" }).click();
    await waitUntil(() => socket.closeCode === 4001, { what: "the socket is closed with 4001" });
    await page.getByRole("heading", { name: "Who is online, right now." }).waitFor();
    assert.equal(new URL(page.url()).search, "");
  });

  test("crashes without a word, and comes back as it was", async () => {
    const socket = await asAda();
    await page.getByRole("button", { name: "Crash the tab" }).click();
    await waitUntil(() => socket.closeCode !== undefined, { what: "the socket is gone" });
    assert.ok([1001, 1005, 1006].includes(socket.closeCode ?? 0), `close code ${socket.closeCode}`);
    await page.getByRole("link", { name: "Bring it back" }).click();
    assert.equal((await scripted.gateway.socket(1)).path, socket.path);
  });

  test("says when the device is connected elsewhere, and takes it back", async () => {
    const first = await asAda();
    first.close(4000);
    await page.getByRole("button", { name: "Use it here" }).click();
    await scripted.gateway.socket(1);
    await page.getByRole("status").getByText("Connected").waitFor();
  });

  test("fits a narrow screen, in light and dark", async () => {
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width: 360, height: 740 });
      const socket = await asAda(scripted.gateway.sockets.length);
      socket.send({ type: "snapshot", users: [{ id: "bruno", online: true, version: 1, devices: ["a".repeat(128)] }] });
      await contact("bruno").waitFor();
      const { scroll, client, ink, ground } = (await page.evaluate(`({
        scroll: document.documentElement.scrollWidth,
        client: document.documentElement.clientWidth,
        ink: getComputedStyle(document.body).color,
        ground: getComputedStyle(document.body).backgroundColor,
      })`)) as { scroll: number; client: number; ink: string; ground: string };
      assert.ok(scroll <= client, `${scroll} px wide on ${client} px`);
      assert.equal(brightness(ground) > brightness(ink), colorScheme === "light");
    }
  });
});

describe("the page of a gateway that asks for tokens", () => {
  const tokenOf = (claims: object) =>
    ["{}", JSON.stringify(claims), "signature"].map((part) => Buffer.from(part).toString("base64url")).join(".");
  const zoe = tokenOf({ sub: "zoë" });

  beforeEach(async () => {
    await scripted.gateway.close();
    scripted = await startScriptedPage({ asksForToken: true });
  });

  async function signIn(text: string) {
    await page.goto(`${scripted.origin}/?as=ada`);
    await page.getByLabel("Token").fill(text);
    await page.getByRole("button", { name: "Sign in" }).click();
  }

  test("signs in as the token's subject, and a reload keeps it", async () => {
    await signIn(` ${zoe}\n`);
    const socket = await scripted.gateway.socket(0);
    assert.match(socket.path, /^\/ws\?device_id=laptop-[0-9a-z]{4}$/);
    assert.deepEqual(socket.protocols, ["realchat.presence.v1.json", `bearer.${zoe}`]);
    await page.getByRole("heading", { name: "zoë" }).waitFor();
    await page.reload();
    assert.equal((await scripted.gateway.socket(1)).path, socket.path);
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByLabel("Token").waitFor();
    await page.reload();
    await page.getByLabel("Token").waitFor();
    assert.equal(scripted.gateway.sockets.length, 2);
  });

  test("fits a narrow screen", async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    await page.goto(scripted.origin);
    const card = (await page.locator(".token").boundingBox()) as { x: number; width: number };
    for (const part of [page.getByLabel("Token"), page.locator(".devices")]) {
      const box = (await part.boundingBox()) as { x: number; width: number };
      assert.ok(box.x + box.width <= card.x + card.width, `${box.x + box.width} px of ${card.x + card.width}`);
    }
  });

  test("asks again, and says why, when the token is none or is not accepted", async () => {
    await signIn("nonsense");
    await page.getByRole("alert").getByText("This is no token").waitFor();
    await signIn(zoe);
    (await scripted.gateway.socket(0)).close(4401);
    await page.getByRole("alert").getByText("does not accept this token").waitFor();
    assert.equal(await page.getByLabel("Token").inputValue(), "");
  });
});

/** @param color such as `rgb(14, 16, 22)` */
function brightness(color: string): number {
  return [...color.matchAll(/\d+/g)].slice(0, 3).reduce((sum, [value]) => sum + Number(value), 0);
}
