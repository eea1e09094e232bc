import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { describe, test } from "node:test";
import { type Handshake, readHandshake } from "./handshake.ts";

function read(url: string, headers: Record<string, string> = {}, addressHeader?: string): Handshake {
  const request = { url, headers, socket: { remoteAddress: "::ffff:10.1.2.3" } };
  return readHandshake(request as unknown as IncomingMessage, { cookie: "chat", addressHeader });
}

describe("a handshake", () => {
  test("names user and device in its query, whatever characters they have", () => {
    const { path, userId, deviceId } = read("/ws?user_id=a%3Ab%20%F0%9F%98%80&device_id=%7Bx%7D");
    assert.deepEqual([path, userId, deviceId], ["/ws", "a:b 😀", "{x}"]);
    assert.deepEqual([read("/ws").userId, read("/ws?device_id=").deviceId], [undefined, ""]);
  });

  test("rejects an id that is not percent-encoded UTF-8: decoded leniently it could be another user's", () => {
    for (const value of ["%ED%A0%80", "%zz", "100%", "%", "%C0%80", "%FF", "a%E2%82", "Ã©"]) {
      assert.equal(read(`/ws?user_id=${value}&device_id=x`).unreadable, "user_id", value);
      assert.equal(read(`/ws?user_id=ada&device_id=${value}`).unreadable, "device_id", value);
    }
    assert.equal(read("/ws?other=?user_id=eve&user_id=ada").userId, "ada");
    const good = read("/ws?other=%zz&user_id=a+b%2Bc%25&device_id=%EF%BF%BD&&=");
    assert.deepEqual([good.unreadable, good.userId, good.deviceId], [undefined, "a b+c%", "\ufffd"]);
  });

  test("may offer no sub-protocol, and repeated ones count once", () => {
    const protocols = (offered: string) => read("/ws", { "sec-websocket-protocol": offered }).protocols;
    for (const nothing of ["", " ", ",", " , ,", "\t"])
      assert.deepEqual(protocols(nothing), [], JSON.stringify(nothing));
    assert.deepEqual(protocols("a,, b ,a"), ["a", "b"]);
  });

  test("brings its token in a header, a sub-protocol or a cookie, in this order", () => {
    const cookie = "other=1; chat=in-cookie";
    const protocols = "realchat.presence.v1.json, bearer.in.protocol";
    assert.equal(read("/ws", { cookie }).token, "in-cookie");
    const offered = read("/ws", { cookie, "sec-websocket-protocol": protocols });
    assert.equal(offered.token, "in.protocol");
    assert.deepEqual(offered.protocols, ["realchat.presence.v1.json"]);
    const authorization = "Bearer in-header";
    assert.equal(read("/ws", { authorization, cookie, "sec-websocket-protocol": protocols }).token, "in-header");
    assert.equal(read("/ws", { authorization: "Basic x", cookie: "chatter=no" }).token, undefined);
  });

  test("comes from the address that our own proxy saw, or else that of the connection", () => {
    assert.equal(read("/ws", { "x-forwarded-for": "6.6.6.6" }).address, "10.1.2.3");
    assert.equal(read("/ws", { "x-forwarded-for": "6.6.6.6, 9.8.7.6" }, "X-Forwarded-For").address, "9.8.7.6");
    assert.equal(read("/ws", {}, "X-Forwarded-For").address, "10.1.2.3");
  });

  test("with a forwarded value that is no address counts as the proxy's own", () => {
    for (const garbage of [
      "unknown",
      "_hidden",
      "1.2.3",
      "1.2.3.4.5",
      "999.1.1.1",
      "[::1",
      "::g",
      "",
      "a, ,",
      "1.2.3.4:x",
    ]) {
      assert.equal(read("/ws", { "x-forwarded-for": garbage }, "X-Forwarded-For").address, "10.1.2.3", garbage);
    }
  });
});
