import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { events, presence as presenceProto } from "@realchat/presence-proto";
import {
  startDelivery,
  startPresence,
  type TestDelivery,
  type TestPresence,
  waitUntil,
} from "@realchat/presence-testing";
import { SignJWT } from "jose";
import { connect, jsonProtocol } from "../testing/socket-client.ts";

describe("two people with a gateway between them", () => {
  let presence: TestPresence;
  let delivery: TestDelivery;

  before(async () => {
    presence = await startPresence({ env: { SESSION_TTL: "3s", OFFLINE_GRACE: "1s" } });
    delivery = await startDelivery({
      env: { PRESENCE_SVC_ADDR: presence.grpcAddress, PING_INTERVAL: "2s", PONG_TIMEOUT: "1500ms" },
    });
  });

  after(async () => {
    const code = await delivery.stop();
    await presence.stop();
    assert.equal(code, 0);
  });

  const open = (userId: string, deviceId?: string) => connect({ address: delivery.socketAddress, userId, deviceId });

  test("a user connects and the watcher sees it, logs out and the watcher sees it at once", async () => {
    const ada = await open("ada");
    await ada.untilSnapshot();
    assert.equal(ada.users.get("bruno")?.online, false);
    const bruno = await open("bruno", "laptop");
    const told = await ada.untilTold("bruno", true);
    assert.deepEqual([told.cause, told.device], ["connected", "laptop"]);
    await bruno.untilTold("ada", true);
    bruno.say({ type: "logout" });
    assert.equal((await bruno.untilClosed()).code, 4001);
    const left = await ada.untilTold("bruno", false);
    assert.equal(left.cause, "logged_out");
    ada.socket.terminate();
  });

  test("a client that closes, or is lost without a close frame, is grey after the grace; a second device keeps its user green", async () => {
    const chen = await open("chen");
    const phone = await open("dina", "phone");
    const laptop = await open("dina", "laptop");
    await chen.untilTold("dina", true);
    phone.socket.close(1000);
    await phone.untilClosed();
    laptop.socket.pause();
    const left = await chen.untilTold("dina", false);
    assert.equal(left.cause, "connection_lost");
    laptop.socket.terminate();
    chen.socket.terminate();
  });

  test("a user says a status, and whether the devices are used: all of the user's sockets are told what presence makes of it", async () => {
    const phone = await open("fred", "phone");
    const laptop = await open("fred", "laptop");
    const self = () => laptop.frames.findLast((frame) => frame.type === "self");
    const untilSelf = (what: string, holds: (frame: ReturnType<typeof self>) => boolean) =>
      waitUntil(() => holds(self()), { what });
    await untilSelf("it is told at first", (frame) => frame !== undefined);
    phone.say({ type: "status", availability: "busy", text: "review" });
    await untilSelf("the status is told", (frame) => frame?.availability === "busy");
    assert.equal(self()?.status?.text, "review");
    phone.say({ type: "status", text: "x".repeat(141) });
    await waitUntil(() => phone.frames.find(({ type }) => type === "refused"), { what: "it is refused" });
    assert.equal(phone.end, undefined);
    phone.say({ type: "activity", idle: true, age: 90_000 });
    laptop.say({ type: "activity", idle: true, age: 120_000 });
    phone.say({ type: "status", clear: true });
    await untilSelf("nobody uses the devices", (frame) => frame?.availability === "away");
    assert.ok((self()?.idleSince ?? 0) > 0);
    phone.socket.terminate();
    laptop.socket.terminate();
  });

  test("today's clients get an envelope for every user they may see, and for every change", async () => {
    const updates: presenceProto.PresenceUpdateEvent[] = [];
    const elif = await connect({ address: delivery.socketAddress, userId: "elif", protocols: [] });
    elif.socket.on("message", (data: Buffer) => {
      const envelope = events.EventEnvelope.decode(data);
      assert.equal(envelope.eventType, events.EventType.EVENT_TYPE_PRESENCE_UPDATED);
      updates.push(presenceProto.PresenceUpdateEvent.decode(envelope.payload));
    });
    elif.say('{"type":"resume","last_sequence":7}');
    const chen = await open("chen");
    const { PRESENCE_STATUS_ONLINE } = presenceProto.PresenceStatus;
    await waitUntil(
      () => updates.some(({ userId, status }) => userId === "chen" && status === PRESENCE_STATUS_ONLINE),
      {
        what: "an envelope tells that chen is online",
      },
    );
    elif.socket.terminate();
    chen.socket.terminate();
  });
});

describe("a gateway that asks for tokens", () => {
  const secret = "a secret of at least thirty-two bytes";
  let presence: TestPresence;
  let delivery: TestDelivery;

  before(async () => {
    presence = await startPresence();
    const env = { PRESENCE_SVC_ADDR: presence.grpcAddress, JWT_SECRET: secret, JWT_ISSUER: "login" };
    delivery = await startDelivery({ env: { ...env, SAMPLE_CAST: "true" } });
  });

  after(async () => {
    const code = await delivery.stop();
    await presence.stop();
    assert.equal(code, 0);
  });

  test("accepts tokens in a header, as a sub-protocol and in a cookie, and refuses clients without one", async () => {
    const { socketAddress: address } = delivery;
    const token = await new SignJWT({ sub: "ada" })
      .setProtectedHeader({ alg: "HS256" })
      .setIssuer("login")
      .setExpirationTime("1m")
      .sign(new TextEncoder().encode(secret));
    const clients = await Promise.all([
      connect({ address, deviceId: "1", headers: { authorization: `Bearer ${token}` } }),
      connect({ address, deviceId: "2", protocols: [jsonProtocol, `bearer.${token}`] }),
      connect({ address, deviceId: "3", headers: { cookie: `realchat_token=${token}` } }),
    ]);
    for (const client of clients) {
      await client.untilSnapshot();
      assert.ok(client.users.has("bruno"));
      client.socket.terminate();
    }
    await assert.rejects(connect({ address, userId: "ada", protocols: [] }), /401/);
    const refused = await connect({ address, protocols: [jsonProtocol, "bearer.a.b.c"] });
    assert.equal((await refused.untilClosed()).code, 4401);
    assert.doesNotMatch(delivery.logs(), new RegExp(token));
  });
});
