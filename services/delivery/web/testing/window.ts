import assert from "node:assert/strict";
import { waitUntil } from "@realchat/presence-testing";
import type { Browser, Page } from "playwright-core";

/** A browser window on the page, signed in as somebody. */
export type Window = {
  readonly page: Page;
  /** Resolves when the dot of this user is green, or grey, and returns how long that took, ms. */
  untilDot(userId: string, color: "green" | "grey", deadlineMs?: number): Promise<number>;
  /** Every color that the dot of this user has had from the first call on, without repetitions. */
  colorsOf(userId: string): Promise<string[]>;
  untilDevices(userId: string, devices: readonly string[]): Promise<void>;
  /** @param availability of the dot: `busy` @param says what the row of this user contains */
  untilStatus(userId: string, availability: string, says: string): Promise<void>;
  untilConnected(): Promise<void>;
  logOut(): Promise<void>;
  /** Goes away as a closed tab does: without logging out. */
  close(): Promise<void>;
};

/** @param origin of the gateway, `http://127.0.0.1:15083` */
export async function openWindow(browser: Browser, origin: string, userId: string): Promise<Window> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  await page.goto(`${origin}/?as=${userId}`);
  const row = (id: string) => page.locator(`.contact[data-user=${id}]`);
  const shown = { green: "[data-online=true]", grey: ":not([data-online=true])" };
  const window: Window = {
    page,
    async untilDot(id, color, deadlineMs) {
      const begin = performance.now();
      const dot = page.locator(`.contact[data-user=${id}]${shown[color]}`).describe(`${userId} sees ${id} ${color}`);
      await dot.waitFor({ state: "attached", timeout: deadlineMs });
      return performance.now() - begin;
    },
    async colorsOf(id) {
      const colors = (await page.evaluate(`(() => {
        const row = document.querySelector(".contact[data-user=${id}]");
        const note = () => {
          const color = row.dataset.online === "true" ? "green" : "grey";
          if (row.colors.at(-1) !== color) row.colors.push(color);
        };
        if (row.colors === undefined) {
          row.colors = [];
          note();
          new MutationObserver(note).observe(row, { attributeFilter: ["data-online"] });
        }
        return row.colors;
      })()`)) as string[];
      return colors;
    },
    async untilDevices(id, devices) {
      await waitUntil(async () => (await row(id).locator(".chip").allInnerTexts()).sort().join() === devices.join(), {
        what: `${userId} sees ${id} on ${devices}`,
      });
    },
    async untilStatus(id, availability, says) {
      const at = page.locator(`.contact[data-user=${id}][data-availability=${availability}]`);
      await at.filter({ hasText: says }).describe(`${userId} sees ${id} ${availability}`).waitFor();
    },
    async untilConnected() {
      await page.getByRole("status").getByText("Connected").waitFor();
    },
    async logOut() {
      await page.getByRole("button", { name: "Log out" }).click();
    },
    close: () => context.close(),
  };
  await window.untilConnected();
  assert.equal(new URL(page.url()).searchParams.get("as"), userId);
  return window;
}
