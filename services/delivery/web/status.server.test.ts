import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { waitUntil } from "@realchat/presence-testing";
import { pageScene, untilText } from "./testing/page-scene.ts";

const scene = pageScene();

type Socket = Awaited<ReturnType<typeof scene.asAda>>;

const now = () => Math.floor(performance.timeOrigin + performance.now());
const minuteMs = 60_000;
const contact = (id: string) => `.contact[data-user=${id}]`;
const policy = {
  ...({ invisible: false, online: "audience", lastSeen: "audience", status: "audience", devices: "audience" } as const),
  ...{ reciprocal: false, except: { show: [], hide: [] } },
};
const self = { type: "self", availability: "available", policy } as const;

/** What the page has said of one type, once there are so many. */
async function said(socket: Socket, type: string, count = 1) {
  const found = () => socket.heard.filter((frame) => frame.type === type);
  await waitUntil(() => found().length >= count, { what: `the page has said ${count} ${type}` });
  return found();
}

/** Ada's window, whose own status is known. */
async function asAda(): Promise<Socket> {
  const socket = await scene.asAda();
  socket.send(self);
  await scene.page.locator(".say").waitFor();
  return socket;
}

describe("others", () => {
  test("are shown with what they say, until when, and since when they are idle", async () => {
    const socket = await scene.asAda();
    const until = new Date(now()).setHours(23, 59, 0, 0);
    socket.send({
      type: "snapshot",
      users: [
        {
          ...{ id: "bruno", online: true, version: 1, availability: "busy" },
          status: { emoji: "🗓️", text: "In a meeting", until },
        },
        { id: "chen", online: true, version: 1, availability: "away", idleSince: now() - 12.5 * minuteMs },
        { id: "dina", online: true, version: 1, availability: "do_not_disturb" },
        { id: "elif", online: true, version: 1, availability: "available" },
        { id: "finn", online: false, version: 1, status: { text: "On holiday" } },
        { id: "grace", online: true, version: 1 },
      ],
    });
    await untilText(scene.page, contact("bruno"), "🗓️ In a meeting until 23:59 Busy");
    await untilText(scene.page, contact("chen"), "Away idle for 12 min");
    await untilText(scene.page, contact("dina"), "Do not disturb");
    await untilText(scene.page, contact("elif"), "Online");
    await untilText(scene.page, contact("finn"), "On holiday Offline");
    await untilText(scene.page, contact("grace"), "Online");
    await untilText(scene.page, ".people .count", "5 of 6 online");
  });

  test("who change their status are told of as it happens, once", async () => {
    const socket = await scene.asAda();
    const came = { cause: "connected", at: now() - 5 * minuteMs, device: "laptop" } as const;
    const bruno = { id: "bruno", online: true, availability: "available", ...came } as const;
    socket.send({ type: "snapshot", users: [{ ...bruno, version: 1 }] });
    socket.send({
      type: "presence",
      users: [{ ...bruno, version: 2, availability: "busy", status: { text: "Writing" } }],
    });
    await untilText(scene.page, ".feed li", "Bruno Costa is busy and says Writing");
    socket.send({
      type: "snapshot",
      users: [{ ...bruno, version: 2, availability: "busy", status: { text: "Writing" } }],
    });
    socket.send({ type: "presence", users: [{ ...bruno, version: 3 }] });
    await untilText(scene.page, ".feed li", "is available and has no status any more");
    assert.equal(await scene.page.locator(".feed li").count(), 2);
    // When and why he came is not when and why his status changed.
    assert.equal(await scene.page.locator(".feed .latency").count(), 0);
    assert.doesNotMatch(await scene.page.locator(".feed").innerText(), /connected|Laptop/);
  });
});

describe("one's own status", () => {
  test("cannot be set where the gateway knows of none", async () => {
    const socket = await scene.asAda();
    socket.send({ type: "snapshot", users: [] });
    await scene.page.locator("body[data-stale=false]").waitFor();
    assert.equal(await scene.page.locator(".own").isVisible(), false);
  });

  test("is set from a preset by keyboard alone, and the focus comes back", async () => {
    const socket = await asAda();
    const { page } = scene;
    const opener = page.getByRole("button", { name: "Your status: Online" });
    await opener.press("Enter");
    const dialog = page.getByRole("dialog", { name: "Your status" });
    await dialog.getByRole("button", { name: "In a meeting" }).press("Enter");
    assert.equal(await dialog.getByRole("radio", { name: "Busy" }).isChecked(), true);
    const beforeMs = now();
    await page.keyboard.press("Enter");
    const [frame] = await said(socket, "status");
    assert.partialDeepStrictEqual(frame, { type: "status", availability: "busy", text: "In a meeting", emoji: "🗓️" });
    const untilMs = (frame as { until: number }).until;
    assert.ok(Math.abs(untilMs - beforeMs - 60 * minuteMs) < minuteMs, `${untilMs} is an hour after ${beforeMs}`);
    await dialog.waitFor({ state: "hidden" });
    assert.equal(await page.evaluate("document.activeElement.className"), "say");

    socket.send({ ...self, availability: "busy", status: { text: "In a meeting", emoji: "🗓️", until: untilMs } });
    await untilText(page, ".say", "Busy 🗓️ In a meeting until");
    await page.getByRole("button", { name: "Your status: Busy" }).press("Enter");
    assert.equal(await dialog.getByLabel("What are you up to?").inputValue(), "In a meeting");
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    await page.getByRole("button", { name: "Your status: Busy" }).press("Enter");
    await dialog.getByRole("button", { name: "Clear status" }).press("Enter");
    assert.deepEqual((await said(socket, "status", 2)).at(-1), { type: "status", clear: true });
  });

  test("has a text, an emoji and an end of one's own", async () => {
    const socket = await asAda();
    const { page } = scene;
    await page.locator(".say").click();
    const dialog = page.getByRole("dialog");
    const date = dialog.getByLabel("Date and time");
    for (const [end, fromMs, toMs] of [
      ["30 minutes", 30 * minuteMs, 31 * minuteMs],
      ["Today", 0, 24 * 60 * minuteMs],
    ] as const) {
      const index = (await said(socket, "status", 0)).length;
      const beforeMs = now();
      await dialog.getByLabel("What are you up to?").fill(end);
      await dialog.getByLabel("Until").selectOption(end);
      await page.keyboard.press("Tab");
      await dialog.getByRole("button", { name: "Save" }).click();
      const { text, until } = (await said(socket, "status", index + 1)).at(-1) as { text: string; until: number };
      assert.equal(text, end);
      assert.ok(until >= beforeMs + fromMs && until <= beforeMs + toMs, `${end}: ${until - beforeMs} ms`);
      await page.locator(".say").click();
    }
    await dialog.getByLabel("What are you up to?").fill("Away");
    await dialog.getByRole("button", { name: "rocket" }).click();
    await dialog.getByLabel("Until").selectOption("A date and time");
    const day = new Date(now() + 3 * 24 * 60 * minuteMs).toISOString().slice(0, 10);
    await date.fill(`${day}T15:00`);
    await dialog.getByRole("radio", { name: "Away" }).check();
    await dialog.getByRole("button", { name: "Save" }).click();
    const dated = (await said(socket, "status", 3)).at(-1) as { until: number };
    assert.deepEqual(dated, {
      ...{ type: "status", availability: "away", text: "Away", emoji: "🚀" },
      until: await page.evaluate(`new Date("${day}T15:00").getTime()`),
    });
    await page.locator(".say").click();
    await dialog.getByLabel("Until").selectOption("I clear it");
    await dialog.getByRole("radio", { name: "Do not disturb" }).check();
    await dialog.getByRole("button", { name: "Save" }).click();
    assert.deepEqual((await said(socket, "status", 4)).at(-1), {
      ...{ type: "status", availability: "do_not_disturb", text: "", emoji: "" },
    });
  });

  test("that says nothing, or ends in the past, or in more than 30 days, is not sent", async () => {
    const socket = await asAda();
    const { page } = scene;
    await page.locator(".say").click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.getByRole("alert").getByText("Say something").waitFor();
    await dialog.getByLabel("What are you up to?").fill("Away");
    await dialog.getByLabel("Until").selectOption("A date and time");
    for (const days of [-1, 31]) {
      const day = new Date(now() + days * 24 * 60 * minuteMs).toISOString().slice(0, 16);
      await dialog.getByLabel("Date and time").fill(day);
      await dialog.getByRole("button", { name: "Save" }).click();
      assert.equal((await dialog.locator(":invalid").count()) > 0, true, `${days} days`);
    }
    await dialog.getByLabel("Until").selectOption("1 hour");
    await dialog.getByLabel("Emoji", { exact: true }).and(page.locator("input")).fill("no emoji");
    await dialog.getByRole("button", { name: "Save" }).click();
    assert.equal(await dialog.isVisible(), true);
    assert.deepEqual(await said(socket, "status", 0), []);
  });

  test("that is refused is told with the reason", async () => {
    const socket = await asAda();
    socket.send({ type: "refused", what: "status", why: "10 were set within a minute: try again in 12 s" });
    await scene.page.getByRole("alert").getByText("10 were set within a minute").waitFor();
  });
});

describe("being invisible", () => {
  test("is switched by keyboard, and shown as the gateway tells", async () => {
    const socket = await asAda();
    const toggle = scene.page.getByRole("switch", { name: "Invisible" });
    await toggle.press("Space");
    assert.deepEqual(await said(socket, "privacy"), [{ type: "privacy", invisible: true }]);
    socket.send({ ...self, policy: { ...policy, invisible: true } });
    await scene.page.getByRole("button", { name: "Your status: Invisible" }).waitFor();
    await scene.page.locator(".say[data-online=false]").waitFor();
    socket.send({ type: "refused", what: "privacy", why: "the organisation shows everybody" });
    await scene.page.getByRole("alert").getByText("the organisation shows everybody").waitFor();
    assert.equal(await toggle.isChecked(), true, "as it was told last");
  });

  test("is not offered where the gateway tells no policy", async () => {
    const socket = await scene.asAda();
    socket.send({ type: "self", availability: "available" });
    await scene.page.locator(".say").waitFor();
    assert.equal(await scene.page.getByRole("switch").count(), 0);
  });
});
