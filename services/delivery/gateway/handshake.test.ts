import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { describe, test } from "node:test";
import { addressKey, type Handshake, readHandshake } from "./handshake.ts";

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

  test("an IPv6 subscriber's /64 is one address", () => {
    assert.equal(addressKey("2001:db8:1:2:3:4:5:6"), addressKey("2001:db8:1:2::9"));
    assert.notEqual(addressKey("2001:db8:1:2::9"), addressKey("2001:db8:1:3::9"));
    assert.equal(addressKey("::1"), "0:0:0:0::/64");
    assert.equal(addressKey("127.0.0.1"), "127.0.0.1");
  });
});
