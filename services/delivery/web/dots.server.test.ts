import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { PresenceChannels } from "@realchat/presence-client";
import { Availability, ClaimSource } from "@realchat/presence-proto/presence";
import {
  heldUp,
  startChromium,
  startDelivery,
  startPresence,
  type TestChromium,
  type TestDelivery,
  type TestPresence,
} from "@realchat/presence-testing";
import { openWindow } from "./testing/window.ts";

// The grace is what a page may take to load again, on a busy machine too.
const ttlMs = 8_000;
const graceMs = 6_000;

let presence: TestPresence;
let delivery: TestDelivery;
let chromium: TestChromium;
let channels: PresenceChannels;
let origin: string;

before(async () => {
  presence = await startPresence({ env: { SESSION_TTL: `${ttlMs}ms`, OFFLINE_GRACE: `${graceMs}ms` } });
  delivery = await startDelivery({ env: { PRESENCE_SVC_ADDR: presence.grpcAddress } });
  channels = new PresenceChannels({ addresses: [presence.grpcAddress] });
  chromium = await startChromium();
  origin = `http://${delivery.socketAddress}`;
});

after(async () => {
  await chromium.stop();
  await channels.close();
  await delivery.stop();
  await presence.stop();
});

const heldUpMs = () => heldUp(() => [presence.pid, delivery.pid, chromium.pid]);
const now = () => performance.timeOrigin + performance.now();
const open = (userId: string, browser = chromium.browser) => openWindow(browser, origin, userId);

describe("in a real browser", () => {
  test("two people see each other go green, and grey at once after a logout", async () => {
    const ada = await open("ada");
    await ada.untilDot("bruno", "grey");
    const bruno = await open("bruno");
    await ada.untilDot("bruno", "green");
    await bruno.untilDot("ada", "green");
    const lateMs = heldUpMs();
    await bruno.logOut();
    const tookMs = await ada.untilDot("bruno", "grey");
    assert.ok(tookMs < graceMs / 2 + lateMs(), `grey after ${tookMs} ms, the grace is ${graceMs} ms`);
    await ada.page.locator(".feed").getByText("logged out").waitFor();
    await ada.close();
  });

  test("a reload turns nobody grey", async () => {
    const ada = await open("ada");
    const bruno = await open("bruno");
    const chen = await open("chen");
    await ada.untilDot("bruno", "green");
    await ada.untilDot("chen", "green");
    await ada.colorsOf("bruno");
    await bruno.page.reload();
    await bruno.untilConnected();
    // Who leaves after the reload turns grey after bruno would have.
    await chen.close();
    await ada.untilDot("chen", "grey");
    assert.deepEqual(await ada.colorsOf("bruno"), ["green"]);
    await bruno.close();
    await ada.close();
  });

  test("a second device shows, and the first may go without a change of the dot", async () => {
    const ada = await open("ada");
    const laptop = await open("elif");
    await ada.untilDot("elif", "green");
    await ada.untilDevices("elif", ["Laptop"]);
    await ada.colorsOf("elif");
    const phone = await chromium.browser.newContext({ viewport: { width: 390, height: 800 } });
    await (await phone.newPage()).goto(`${origin}/?as=elif`);
    await ada.untilDevices("elif", ["Laptop", "Phone"]);
    await laptop.logOut();
    await ada.untilDevices("elif", ["Phone"]);
    assert.deepEqual(await ada.colorsOf("elif"), ["green"]);
    await phone.close();
    await ada.close();
  });

  test("a status that is set in one page is seen in another, until it is cleared", async () => {
    const ada = await open("ada");
    const bruno = await open("bruno");
    await ada.untilDot("bruno", "green");
    await bruno.page.getByRole("button", { name: "Your status: Online" }).click();
    const dialog = bruno.page.getByRole("dialog");
    await dialog.getByRole("button", { name: "In a meeting" }).click();
    await dialog.getByRole("button", { name: "Save" }).click();
    await ada.untilStatus("bruno", "busy", "🗓️ In a meeting until");
    await bruno.page.getByRole("button", { name: "Your status: Busy" }).click();
    await dialog.getByRole("button", { name: "Clear status" }).click();
    await ada.untilStatus("bruno", "available", "Online");
    assert.deepEqual(await ada.colorsOf("bruno"), ["green"]);
    await bruno.close();
    await ada.close();
  });

  test("who goes invisible turns grey, with a reload too, and green again when he shows himself", async () => {
    const ada = await open("ada");
    const bruno = await open("bruno");
    await ada.untilDot("bruno", "green");
    const invisible = (isWanted: boolean) => bruno.page.getByRole("switch", { name: "Invisible" }).setChecked(isWanted);
    await invisible(true);
    await ada.untilDot("bruno", "grey");
    await bruno.untilDot("ada", "green");
    await ada.page.reload();
    await ada.untilDot("bruno", "grey");
    await invisible(false);
    await ada.untilDot("bruno", "green");
    await bruno.close();
    await ada.close();
  });

  test("a calendar's claim shows, and its end turns the dot back by itself", async () => {
    const ada = await open("ada");
    const chen = await open("chen");
    await ada.untilDot("chen", "green");
    const endMs = Math.floor(now()) + 3_000;
    const expiresAt = { seconds: Math.floor(endMs / 1_000), nanos: (endMs % 1_000) * 1_000_000 };
    const claim = {
      ...{ claimId: "calendar", source: ClaimSource.CLAIM_SOURCE_AUTOMATIC, text: "Review", emoji: "" },
      ...{ availability: Availability.AVAILABILITY_DO_NOT_DISTURB, setAt: undefined },
    };
    await channels.api.setStatus({ userId: "chen", claim: { ...claim, expiresAt } });
    await ada.untilStatus("chen", "do_not_disturb", "Review");
    await ada.untilStatus("chen", "available", "Online");
    const lateMs = now() - endMs;
    assert.ok(lateMs > -500 && lateMs < 3_000, `${lateMs} ms after the end`);
    await chen.close();
    await ada.close();
  });

  test("whoever shares nothing with somebody sees no dot of his", async () => {
    const hugo = await open("hugo");
    const finn = await open("finn");
    const dina = await open("dina");
    await hugo.untilDot("dina", "green");
    await finn.untilDot("dina", "green");
    await dina.untilDot("hugo", "green");
    await dina.untilDot("finn", "green");
    assert.equal(await hugo.page.locator(".contact[data-user=finn]").count(), 0, "hugo has blocked finn");
    assert.equal(await finn.page.locator(".contact[data-user=hugo]").count(), 0);
    for (const window of [hugo, finn, dina]) await window.close();
  });

  test("a browser that is killed turns grey within its TTL and a second", async () => {
    const ada = await open("ada");
    const other = await startChromium();
    await open("grace", other.browser);
    await ada.untilDot("grace", "green");
    const lateMs = heldUpMs();
    await other.kill();
    const tookMs = await ada.untilDot("grace", "grey");
    assert.ok(tookMs <= ttlMs + 1_000 + lateMs(), `grey after ${tookMs} ms`);
    await other.stop();
    await ada.close();
  });
});
