import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startDelivery, startPresence, type TestDelivery, type TestPresence } from "@realchat/presence-testing";
import { connect } from "../testing/socket-client.ts";

describe("two people with a gateway between them", () => {
  let presence: TestPresence;
  let delivery: TestDelivery;

  before(async () => {
    presence = await startPresence({ env: { SESSION_TTL: "3s", OFFLINE_GRACE: "1s" } });
    delivery = await startDelivery({
      env: { PRESENCE_SVC_ADDR: presence.grpcAddress, PING_INTERVAL: "400ms", PONG_TIMEOUT: "200ms" },
    });
  });

  after(async () => {
    assert.equal(await delivery.stop(), 0);
    await presence.stop();
  });

  const open = (userId: string, deviceId?: string) => connect({ address: delivery.socketAddress, userId, deviceId });

  test("one comes and the other sees it, logs out and the other sees it at once", async () => {
    const ada = await open("ada");
    await ada.untilSnapshot();
    assert.equal(ada.users.get("bruno")?.online, false);
    const bruno = await open("bruno", "laptop");
    const told = await ada.untilTold("bruno", true);
    assert.deepEqual([told.cause, told.device], ["connected", "laptop"]);
    await bruno.untilTold("ada", true);
    bruno.say({ type: "logout" });
    assert.equal((await bruno.untilClosed()).code, 4001);
    const left = await ada.untilTold("bruno", false, 900);
    assert.equal(left.cause, "logged_out");
    ada.socket.terminate();
  });
});
