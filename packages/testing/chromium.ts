import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { startChild } from "./child.ts";
import { provideChromium } from "./provision/chromium.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { waitUntil } from "./wait-until.ts";

/** A browser that belongs to one test: a process of its own, which may be killed. */
export type TestChromium = {
  /** To open pages with; see https://playwright.dev/docs/api/class-browser. */
  readonly browser: Browser;
  readonly pid: number;
  /** SIGKILL; resolves when it is gone. No page gets to say goodbye. */
  kill(): Promise<void>;
  /** Closes the pages, ends the browser and removes its temporary folder. */
  stop(): Promise<void>;
};

const flags = [
  ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--hide-scrollbars"],
  ...["--no-first-run", "--no-default-browser-check", "--disable-sync"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-default-apps"],
];

/**
 * Starts a real Chromium without a window, with a profile of its own that is empty.
 * @throws Error with the browser's own words when it does not come up
 */
export async function startChromium(): Promise<TestChromium> {
  const { path, env } = await provideChromium();
  const folder = temporaryFolder("chromium");
  const profile = join(folder.path, "profile");
  const args = [...flags, `--user-data-dir=${profile}`, "--remote-debugging-port=0", "about:blank"];
  const child = await startChild(path, args, {
    logFile: join(folder.path, "chromium.log"),
    env: { ...process.env, ...env },
  });
  const portFile = join(profile, "DevToolsActivePort");
  // The file is there a moment before what it says: the port on the first line, a path on the second.
  const look = () => child.exitCode() !== undefined || readFileSync(portFile, "utf8").match(/^(\d+)\n\/./);
  const found = await waitUntil(look, { what: "Chromium says its debugging port", deadlineMs: 60_000 });
  if (found === true) throw new Error(`Chromium ended; it said:\n${child.output()}`);
  const port = Number(found?.[1]);
  // Only now: it is large, and most suites that come through this package's front door need no browser.
  const { chromium } = await import("playwright-core");
  const browser = await chromium.connectOverCDP(`http://127.0.0.1:${port}`, { timeout: 60_000 });
  return {
    browser,
    pid: child.pid,
    async kill() {
      await child.end("SIGKILL");
    },
    async stop() {
      await browser.close();
      await child.end("SIGTERM");
      folder.remove();
    },
  };
}
