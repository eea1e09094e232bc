import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRedisUrl } from "./redis-address.ts";

test("what is shown of an address is host, port and database, never the password", () => {
  assert.equal(parseRedisUrl("redis://alice:secret@cache:7000/3").shown, "redis://cache:7000/3");
  assert.equal(parseRedisUrl("rediss://cache").shown, "rediss://cache:6379");
});

test("a URL that is none is refused without being quoted", () => {
  for (const url of ["cache:6379", "http://u:secret@cache", "redis:///0", "redis://u:secret@cache/database"]) {
    assert.throws(
      () => parseRedisUrl(url),
      (error: Error) => {
        assert.match(error.message, /write redis:\/\/host:port/);
        return !error.message.includes("secret");
      },
    );
  }
});
