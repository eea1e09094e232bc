import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach } from "node:test";
import { startChromium, type TestChromium, waitUntil } from "@realchat/presence-testing";
import type { BrowserContext, Page } from "playwright-core";
import { type ScriptedPage, startScriptedPage } from "./scripted-page.ts";

/** Chromium beside a scripted gateway: of each test a context of its own. */
type PageScene = {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly gateway: ScriptedPage["gateway"];
  readonly origin: string;
  /** Opens the page as Ada, and returns the next socket. */
  asAda(page?: Page): Promise<Awaited<ReturnType<ScriptedPage["gateway"]["socket"]>>>;
};

/** Sets it up around each test of the file, which fails when a page has logged an error. */
export function pageScene(): PageScene {
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
    errors = [];
    context.on("weberror", (error) => errors.push(String(error.error())));
    page = await context.newPage();
  });
  afterEach(async () => {
    await context.close();
    await scripted.gateway.close();
    assert.deepEqual(errors, []);
  });
  after(() => chromium.stop());

  return {
    get context() {
      return context;
    },
    get page() {
      return page;
    },
    get gateway() {
      return scripted.gateway;
    },
    get origin() {
      return scripted.origin;
    },
    async asAda(at = page) {
      const index = scripted.gateway.sockets.length;
      await at.goto(`${scripted.origin}/?as=ada`);
      return scripted.gateway.socket(index);
    },
  };
}

/** What a style of the one element that fits is. */
export function styleOf(page: Page, selector: string, property: string): Promise<string> {
  return page.evaluate(
    `getComputedStyle(document.querySelector(${JSON.stringify(selector)})).getPropertyValue(${JSON.stringify(property)})`,
  );
}

export async function untilText(page: Page, selector: string, text: string, deadlineMs?: number): Promise<void> {
  const look = async () => (await page.locator(selector).first().innerText()).replaceAll(/\s+/g, " ").includes(text);
  await waitUntil(look, { what: `${selector} says "${text}"`, deadlineMs });
}
