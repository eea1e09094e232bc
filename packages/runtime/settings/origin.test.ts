import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { problemOf } from "../testing/problem-of.ts";
import { normalOrigin, origin } from "./origin.ts";

describe("an origin", () => {
  test("is read as browsers write it, whatever its spelling", () => {
    for (const [text, right] of [
      ["https://chat.example", "https://chat.example"],
      ["https://chat.example/", "https://chat.example"],
      ["HTTPS://Chat.Example", "https://chat.example"],
      ["https://chat.example:443", "https://chat.example"],
      ["http://chat.example:80/", "http://chat.example"],
      ["http://chat.example:443", "http://chat.example:443"],
      ["https://chat.example:8443/", "https://chat.example:8443"],
      ["https://Bücher.example", "https://xn--bcher-kva.example"],
      ["http://[2001:DB8:0::1]:8083", "http://[2001:db8::1]:8083"],
      ["capacitor://localhost", "capacitor://localhost"],
      ["Tauri://LocalHost/", "tauri://localhost"],
      ["chrome-extension://abcdefgh", "chrome-extension://abcdefgh"],
      ["null", "null"],
      ["*", "*"],
    ] as const) {
      assert.equal(origin.schema.parse(text), right, text);
      assert.equal(normalOrigin(right), right);
    }
  });

  test("that no page could have is refused", () => {
    const advice = "give the scheme and host of pages, such as https://chat.example";
    for (const [text, why] of [
      ["chat.example", "has no scheme"],
      ["localhost:3000", "has no scheme"],
      ["//chat.example", "has no scheme"],
      ["https://chat.example/app", "has more than scheme, host and port"],
      ["https://chat.example?x", "has more than scheme, host and port"],
      ["https://me:secret@chat.example", "has more than scheme, host and port"],
      ["https://*.example", "has a wildcard, which only stands alone"],
      ["https://chat.example:*", "has a wildcard, which only stands alone"],
      ["wss://chat.example", "is of a socket"],
      ["ws://chat.example", "is of a socket"],
      ["https://", "has no host"],
      ["https://chat.example:99999", "has no valid host or port"],
      ["https://a b", "has no valid host or port"],
    ] as const) {
      assert.equal(problemOf(origin, text), `${why}: ${advice}`, text);
    }
  });
});
