import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Clock, systemClock } from "@realchat/presence-runtime";
import {
  startDelivery,
  startPresence,
  type TestDelivery,
  type TestPresence,
  waitUntil,
} from "@realchat/presence-testing";
import { issueToken } from "../gateway/authentication/issue-token.ts";
import { connect, jsonProtocol } from "../testing/socket-client.ts";

const secret = "a secret of at least thirty-two bytes";
const hourMs = 3_600_000;

/** Puts the clock of the process that it is loaded into three hours forward when it is sent SIGUSR2. */
const steppableClock = `data:text/javascript,${encodeURIComponent(`
  const machine = Date.now;
  let aheadMs = 0;
  Date.now = () => machine() + aheadMs;
  process.on("SIGUSR2", () => { aheadMs = 3 * ${hourMs}; });
`)}`;

describe("a gateway whose machine's clock was three hours slow, and is put right while it runs", () => {
  let presence: TestPresence;
  let delivery: TestDelivery;

  before(async () => {
    presence = await startPresence();
    delivery = await startDelivery({
      env: {
        ...{ PRESENCE_SVC_ADDR: presence.grpcAddress, JWT_SECRET: secret, NODE_OPTIONS: `--import=${steppableClock}` },
        ...{ PING_INTERVAL: "1s", PONG_TIMEOUT: "500ms" },
      },
    });
  });

  after(async () => {
    const code = await delivery.stop();
    await presence.stop();
    assert.equal(code, 0);
  });

  test("ends open sockets whose tokens are over, refuses such tokens, and takes those of today", async () => {
    const open = (token: string, deviceId: string) =>
      connect({ address: delivery.socketAddress, deviceId, protocols: [jsonProtocol, `bearer.${token}`] });
    const tokenAt = (aheadMs: number, validS: number) => {
      const clock: Clock = { ...systemClock, nowUs: () => systemClock.nowUs() + aheadMs * 1000 };
      return issueToken({ secret, issuer: undefined, audience: undefined, userId: "ada", validS }, clock);
    };
    const [old, lasting] = [await tokenAt(0, 3_600), await tokenAt(0, 6 * 3_600)];
    const [ending, staying] = [await open(old, "ending"), await open(lasting, "staying")];
    await staying.untilSnapshot();

    process.kill(delivery.pid, "SIGUSR2");
    assert.deepEqual(await ending.untilClosed(), { code: 4401, reason: "token_expired" });
    assert.deepEqual(await (await open(old, "again")).untilClosed(), { code: 4401, reason: "token_refused" });
    const fresh = await open(await tokenAt(3 * hourMs, 3_600), "fresh");
    await fresh.untilSnapshot();
    await waitUntil(async () => (await delivery.metrics()).get("delivery_sockets") === 2, { what: "two are open" });
    assert.equal(staying.end, undefined);
    staying.socket.terminate();
    fresh.socket.terminate();
  });
});
