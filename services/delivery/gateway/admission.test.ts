import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Admitted, admit } from "./admission.ts";
import type { Authentication } from "./authentication/authenticator.ts";
import { noAuthentication } from "./authentication/no-authentication.ts";
import type { Handshake } from "./handshake.ts";
import { envelopeFrames } from "./protocols/envelope-frames.ts";
import { jsonFrames, jsonProtocol } from "./protocols/json-frames.ts";
import type { Refusal } from "./refusal.ts";

const good: Handshake = {
  path: "/ws",
  userId: "ada",
  deviceId: "phone",
  protocols: [],
  token: undefined,
  origin: undefined,
  host: "chat.example",
  address: "10.1.2.3",
  unreadable: undefined,
};

function outcome(handshake: Partial<Handshake>, origins: string[] = [], authentication?: Authentication) {
  const authenticator =
    authentication === undefined ? noAuthentication : { needsToken: true, authenticate: async () => authentication };
  const formats = { [jsonProtocol]: jsonFrames };
  return admit({ ...good, ...handshake }, { authenticator, origins: new Set(origins), formats });
}

async function refusal(...args: Parameters<typeof outcome>): Promise<string> {
  const { status, reason, message } = (await outcome(...args)) as Refusal;
  return `${status} ${reason}: ${message}`;
}

describe("admission", () => {
  test("admits a valid handshake, and picks its sub-protocol", async () => {
    const plain = (await outcome({})) as Admitted;
    assert.deepEqual([plain.userId, plain.deviceId, plain.format], ["ada", "phone", envelopeFrames]);
    const json = (await outcome({ protocols: ["other", jsonProtocol] })) as Admitted;
    assert.equal(json.format, jsonFrames);
  });

  test("refuses an invalid request, and says why", async () => {
    assert.match(await refusal({ path: "/chat" }), /^404 not_found: sockets are at \/ws/);
    assert.match(await refusal({ deviceId: undefined }), /^400 bad_request: device_id is missing/);
    assert.match(await refusal({ deviceId: "x".repeat(129) }), /^400 bad_request: device_id has 129 bytes, limit 128/);
    assert.match(await refusal({ userId: undefined }), /^400 bad_request: user_id is missing/);
    assert.match(await refusal({ unreadable: "user_id" }), /^400 bad_request: user_id is no percent-encoded UTF-8: /);
    assert.match(await refusal({ deviceId: "\ud800" }), /^400 bad_request: device_id is not valid Unicode/);
    assert.match(await refusal({ userId: "a\nb" }), /^400 bad_request: user_id has the control character U\+000A/);
    assert.match(await refusal({ protocols: ["chat.v9"] }), /^400 unknown_protocol: .*realchat\.presence\.v1\.json/);
  });

  test("admits its own pages, listed origins, and clients that are not browsers", async () => {
    const foreign = { origin: "https://evil.example" };
    assert.match(await refusal(foreign), /^403 foreign_origin: pages of https:\/\/evil\.example may not/);
    assert.match(await refusal({ origin: "null" }), /^403 foreign_origin/);
    assert.match(await refusal({ ...foreign, origin: "https://chat.example.evil.example" }), /^403 foreign_origin/);
    const inside: [Partial<Handshake>, string[]][] = [
      [{ origin: "http://localhost:8083", host: "localhost:8083" }, []],
      [{ origin: "http://[::1]:8083", host: "[::1]:8083" }, []],
      [{ origin: "http://10.1.2.3:8083", host: "10.1.2.3:8083" }, []],
      [foreign, ["https://evil.example"]],
      [foreign, ["*"]],
    ];
    for (const [handshake, origins] of inside) assert.ok("userId" in (await outcome(handshake, origins)));
  });

  test("admits a page by its host name only where tokens are needed: without, DNS rebinding could reach it", async () => {
    const own = { origin: "https://chat.example" };
    assert.match(await refusal(own), /^403 foreign_origin: .* add it to ORIGINS/);
    assert.ok("userId" in (await outcome(own, [], { kind: "user", userId: "ada", expiresAtMs: undefined })));
    assert.ok("userId" in (await outcome(own, ["https://chat.example"])));
  });

  test("recognizes a listed origin, and its own, in every spelling", async () => {
    const spelled = { origin: "HTTPS://Evil.example:443" };
    assert.ok("userId" in (await outcome(spelled, ["https://evil.example"])));
    const user = { kind: "user", userId: "ada", expiresAtMs: undefined } as const;
    const own: [string, string][] = [
      ["https://chat.example", "chat.example:443"],
      ["http://chat.example", "Chat.Example:80"],
      ["http://[2001:db8::1]:8083", "[2001:DB8:0::1]:8083"],
    ];
    for (const [origin, host] of own) assert.ok("userId" in (await outcome({ origin, host }, [], user)), host);
    for (const host of ["chat.example:80", "chat.example:8443", "", undefined]) {
      const refused = (await outcome({ origin: "https://chat.example", host }, [], user)) as Refusal;
      assert.equal(refused.reason, "foreign_origin", host);
    }
  });

  test("returns the outcome of the authentication, and when the token expires", async () => {
    const message = "why";
    assert.equal(await refusal({}, [], { kind: "unauthenticated", message }), "401 unauthenticated: why");
    assert.equal(await refusal({}, [], { kind: "forbidden", message }), "403 forbidden: why");
    assert.equal(await refusal({}, [], { kind: "unavailable", message }), "503 authentication_unavailable: why");
    const expiresAtMs = 1_790_000_005_000;
    const admitted = (await outcome({}, [], { kind: "user", userId: "eve", expiresAtMs })) as Admitted;
    assert.deepEqual([admitted.userId, admitted.expiresAtMs], ["eve", expiresAtMs]);
  });
});
