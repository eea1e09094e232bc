import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, test } from "node:test";
import type { Page } from "playwright-core";
import { pageScene, styleOf, untilText } from "./testing/page-scene.ts";

const scene = pageScene();
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const long = "a".repeat(128);
const until = 1_790_000_000_000;
const [away, busy, notToBeDisturbed] = ["away", "busy", "do_not_disturb"] as const;
const users = [
  { id: "bruno", online: true, version: 1, devices: ["laptop-1", "phone-2", long] },
  { id: "chen", online: false, version: 1, lastSeen: 1_790_000_000_000 },
  { id: "dina", online: false, version: 1 },
  { id: "elif", online: true, version: 1, availability: away, idleSince: until },
  { id: "finn", online: true, version: 1, availability: busy, status: { emoji: "🗓️", text: "w".repeat(140), until } },
  { id: "grace", online: true, version: 1, availability: notToBeDisturbed, idleSince: until },
  { id: "😀 Smile", online: true, version: 1, devices: ["tablet-1"] },
  { id: long, online: true, version: 1, devices: [long] },
];

/** Ada's window with all that it can show. */
async function fullPage() {
  const socket = await scene.asAda();
  socket.send({ type: "snapshot", users });
  socket.send({
    type: "presence",
    users: [{ id: "dina", online: true, version: 2, cause: "connected", device: long, at: 1_790_000_000_000 }],
  });
  socket.send({
    type: "presence",
    users: [{ id: long, online: false, version: 2, cause: "connection_lost", at: 1_790_000_000_000 }],
  });
  await untilText(scene.page, ".feed", "went offline");
  const policy = { invisible: false, online: "audience", lastSeen: "audience", status: "audience" } as const;
  socket.send({
    ...{ type: "self", availability: "busy", status: { text: "w".repeat(140), until } },
    policy: { ...policy, devices: "nobody", reciprocal: false, except: { show: [], hide: [] } },
  });
  await untilText(scene.page, ".say", "Busy");
  return socket;
}

/** Of axe's rules, those that look at colors. https://github.com/dequelabs/axe-core/blob/develop/doc/rule-descriptions.md */
const colorRules = { type: "rule", values: ["color-contrast", "link-in-text-block"] };

/** What axe finds, one line each. https://github.com/dequelabs/axe-core @param runOnly default: all rules */
async function violations(page: Page, runOnly?: typeof colorRules): Promise<string[]> {
  // Whatever fades in has arrived: axe sees colors as they are at the moment.
  await page.evaluate("Promise.all(document.getAnimations().map((animation) => animation.finished))");
  await page.evaluate(axe);
  const { violations } = (await page.evaluate(`axe.run(${JSON.stringify({ runOnly })})`)) as {
    violations: { id: string; nodes: { html: string; failureSummary: string }[] }[];
  };
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`));
}

/** The form of a dot, whatever its colors. */
async function shapeOf(id: string): Promise<string> {
  const styles = ["background-image", "border-top-left-radius"];
  const dot = `.contact[data-user=${id}] .dot`;
  return (await Promise.all(styles.map((style) => styleOf(scene.page, dot, style)))).join();
}

const looks = [
  { colorScheme: "light", forcedColors: "none" },
  { colorScheme: "dark", forcedColors: "none" },
  { colorScheme: "light", forcedColors: "active" },
  { colorScheme: "dark", forcedColors: "active" },
] as const;

describe("for everybody", () => {
  for (const look of looks) {
    test(`axe finds nothing, and each availability has a shape, ${look.colorScheme}${look.forcedColors === "active" ? ", forced colors" : ""}`, async () => {
      const { page } = scene;
      // Only colors differ from look to look.
      const found = () => violations(page, look === looks[0] ? undefined : colorRules);
      await page.emulateMedia(look);
      await page.goto(scene.origin);
      await page.getByRole("button", { name: "Bruno Costa" }).waitFor();
      assert.deepEqual(await found(), [], "signing in");
      const socket = await fullPage();
      const shapes = await Promise.all(["bruno", "elif", "finn", "grace"].map(shapeOf));
      assert.equal(new Set(shapes).size, shapes.length, JSON.stringify(shapes));
      assert.deepEqual(await found(), [], "signed in");
      socket.send({ type: "stale", stale: true });
      await untilText(page, "[role=status]", "out of date");
      assert.deepEqual(await found(), [], "stale");
      await page.getByRole("button", { name: "Cut the network" }).click();
      await untilText(page, "[role=status]", "Network cut");
      assert.deepEqual(await found(), [], "cut");
      await page.locator(".say").click();
      await page.getByRole("dialog").getByLabel("Until").selectOption("A date and time");
      assert.deepEqual(await found(), [], "choosing a status");
      await page.keyboard.press("Escape");
      await page.setViewportSize({ width: 320, height: 700 });
      assert.deepEqual(await found(), [], "narrow");
      await page.goto(`${scene.origin}/crashed.html?as=ada`);
      assert.deepEqual(await found(), [], "crashed");
    });
  }

  test("forced colors leave online, offline and stale dots apart", async () => {
    await scene.page.emulateMedia({ forcedColors: "active" });
    const socket = await fullPage();
    const lookOf = async (id: string) => {
      const dot = `.contact[data-user=${id}] .dot`;
      const styles = ["background-color", "border-top-style", "border-top-color"];
      return Promise.all(styles.map((style) => styleOf(scene.page, dot, style)));
    };
    const [online, offline, ground] = [
      await lookOf("bruno"),
      await lookOf("chen"),
      await styleOf(scene.page, "body", "background-color"),
    ];
    socket.send({ type: "stale", stale: true });
    await untilText(scene.page, "[role=status]", "out of date");
    const stale = await lookOf("bruno");
    assert.equal(new Set([online, offline, stale].map(String)).size, 3, JSON.stringify({ online, offline, stale }));
    for (const [fill, , edge] of [online, offline, stale]) assert.ok(fill !== ground || edge !== ground, "it is seen");
  });

  test("no name or device is too long, at any width", async () => {
    for (const width of [320, 600, 901, 1280]) {
      await scene.page.setViewportSize({ width, height: 800 });
      await fullPage();
      const wide = await scene.page.evaluate(`({
        page: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        rows: [...document.querySelectorAll(".contact, .feed li, .me, .own")].flatMap((row) => {
          const parts = [...row.children].map((part) => part.getBoundingClientRect()).filter(({ width, height }) => width * height > 0);
          const beyond = parts.filter((part) => part.right > row.getBoundingClientRect().right + 0.5);
          const overlaps = parts.filter((one, index) => parts.some((other, at) => at > index
            && one.left < other.right - 0.5 && other.left < one.right - 0.5 && one.top < other.bottom - 0.5 && other.top < one.bottom - 0.5));
          const texts = [...row.querySelectorAll("strong, p, .role, .status")].filter((text) => text.scrollWidth > text.clientWidth + 1 && getComputedStyle(text).display !== "inline");
          return beyond.length + overlaps.length + texts.length > 0 ? [row.className + " " + row.textContent.slice(0, 20)] : [];
        }),
      })`);
      assert.deepEqual(wide, { page: 0, rows: [] }, `${width} px`);
    }
  });

  test("an avatar shows letters as a reader counts them", async () => {
    const socket = await scene.asAda();
    const names = ["😀 Smile", "👩‍👩‍👧 family", "e\u0301mile zola", "🇩🇪", "x", "  "];
    socket.send({ type: "snapshot", users: names.map((id) => ({ id, online: true, version: 1 })) });
    await scene.page
      .locator(".contact")
      .nth(names.length - 1)
      .waitFor();
    const initials = await scene.page.evaluate(
      `Object.fromEntries([...document.querySelectorAll(".contact")].map((row) => [row.dataset.user, row.querySelector(".avatar").textContent]))`,
    );
    assert.deepEqual(initials, {
      "😀 Smile": "😀S",
      "👩‍👩‍👧 family": "👩‍👩‍👧F",
      "e\u0301mile zola": "E\u0301Z",
      "🇩🇪": "🇩🇪",
      x: "X",
      "  ": "",
    });
  });

  test("the focus goes along: to whom one has signed in as, and back to the choice after a logout", async () => {
    const focused = () => scene.page.evaluate("document.activeElement.textContent");
    await scene.page.goto(scene.origin);
    await scene.page.getByRole("button", { name: "Bruno Costa" }).press("Enter");
    await untilText(scene.page, "h1", "Bruno Costa");
    assert.equal(await focused(), "Bruno Costa");
    await scene.page.getByRole("button", { name: "Log out" }).press("Enter");
    await untilText(scene.page, "h1", "Who is online");
    assert.equal(await focused(), "Who is online, right now.");
    await scene.page.reload();
    await untilText(scene.page, "h1", "Who is online");
    assert.equal(
      await scene.page.evaluate("document.activeElement === document.body"),
      true,
      "nobody has moved it yet",
    );
  });

  test("the focus is not lost with the button that it was on", async () => {
    (await scene.asAda()).close(4000);
    await scene.page.getByRole("button", { name: "Use it here" }).press("Enter");
    await untilText(scene.page, "[role=status]", "Connected");
    assert.equal(await scene.page.evaluate("document.activeElement.getAttribute('role')"), "status");
    const cut = scene.page.locator(".action.cut");
    await cut.press("Enter");
    await untilText(scene.page, ".action.cut", "Restore the network");
    assert.equal(await scene.page.evaluate("document.activeElement.classList.contains('cut')"), true);
  });
});
