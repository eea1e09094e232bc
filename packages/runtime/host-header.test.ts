import assert from "node:assert/strict";
import { test } from "node:test";
import { isOwnWithoutDoubt } from "./host-header.ts";

test("an address and localhost are a server's own without doubt, a name is not", () => {
  for (const host of [
    "127.0.0.1",
    "127.0.0.1:80",
    "10.1.2.3:8083",
    "[::1]",
    "[2001:db8::1]:443",
    "localhost",
    "LocalHost:1",
  ]) {
    assert.equal(isOwnWithoutDoubt(host), true, host);
  }
  const others = [
    "",
    "evil.example",
    "evil.example:80",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "a b",
    "[::1",
    "::",
  ];
  for (const host of others) assert.equal(isOwnWithoutDoubt(host), false, host);
});
