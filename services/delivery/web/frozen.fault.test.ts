import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import {
  startChromium,
  startDelivery,
  startPresence,
  type TestChromium,
  type TestDelivery,
  type TestPresence,
  waitUntil,
} from "@realchat/presence-testing";
import { openWindow } from "./testing/window.ts";

let chromium: TestChromium;
before(async () => {
  chromium = await startChromium();
});
after(() => chromium.stop());

type Stage = { presence: TestPresence; readonly delivery: TestDelivery };

/** Presence and a gateway that belong to one test. */
async function openStage(t: TestContext): Promise<Stage> {
  const presence = await startPresence();
  const delivery = await startDelivery({ env: { PRESENCE_SVC_ADDR: presence.grpcAddress } });
  const stage = { presence, delivery };
  t.after(async () => {
    await delivery.stop();
    await stage.presence.stop();
  });
  return stage;
}

// At once: they wait.
describe("what hangs or is gone", { concurrency: 2 }, () => {
  test("a gateway that is frozen is known to be so: by a page in seconds, by a client that asks nothing within 40 s", async (t) => {
    const { delivery } = await openStage(t);
    const origin = `http://${delivery.socketAddress}`;
    const ada = await openWindow(chromium.browser, origin, "ada");
    const bruno = await openWindow(chromium.browser, origin, "bruno");
    await ada.untilDot("bruno", "green");
    const quiet = await chromium.browser.newPage();
    await quiet.goto(origin);
    await quiet.evaluate(`import("/presence-web/index.js").then(({ PresenceClient }) => {
      window.client = new PresenceClient({ url: "ws://${delivery.socketAddress}/ws?user_id=chen&device_id=quiet" });
      client.connect();
    })`);
    const isStale = () => quiet.evaluate("client.stale");
    await waitUntil(async () => !(await isStale()), { what: "the client is told how things are" });

    process.kill(delivery.pid, "SIGSTOP");
    const begin = performance.now();
    try {
      await ada.page.locator("body[data-stale=true]").waitFor({ timeout: 20_000 });
      await waitUntil(isStale, { what: "the client that asks nothing knows", deadlineMs: 60_000 });
    } finally {
      process.kill(delivery.pid, "SIGCONT");
    }
    const tookMs = performance.now() - begin;
    assert.ok(tookMs <= 40_000, `it took ${tookMs} ms`);
    await ada.untilDot("bruno", "green", 60_000);
    await ada.page.locator("body[data-stale=false]").waitFor();
    await bruno.close();
    await ada.close();
  });

  test("presence that hangs, or is gone, is seen on the page: dots may be out of date, until it is back", async (t) => {
    const stage = await openStage(t);
    const { delivery } = stage;
    const ada = await openWindow(chromium.browser, `http://${delivery.socketAddress}`, "ada");
    const bruno = await openWindow(chromium.browser, `http://${delivery.socketAddress}`, "bruno");
    const statusOf = ada.page.locator(".contact[data-user=bruno] .status");
    const untilStale = async () => {
      await ada.page.locator("body[data-stale=true]").waitFor({ timeout: 30_000 });
      await ada.page.getByRole("status").getByText("dots may be out of date").waitFor();
      await statusOf.getByText("Was online").waitFor();
    };
    const untilCurrent = async () => {
      await ada.page.locator("body[data-stale=false]").waitFor({ timeout: 60_000 });
      await ada.untilConnected();
      await statusOf.getByText("Online", { exact: true }).waitFor();
    };
    await untilCurrent();

    stage.presence.pause();
    try {
      await untilStale();
    } finally {
      stage.presence.resume();
    }
    await untilCurrent();

    await stage.presence.kill();
    try {
      await untilStale();
    } finally {
      stage.presence = await startPresence({ env: { GRPC_ADDR: stage.presence.grpcAddress } });
    }
    await untilCurrent();
    await bruno.close();
    await ada.close();
  });
});
