import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { addressAt, parseRedisUrl, withCurrentLogin } from "./redis-address.ts";

describe("where Redis is", () => {
  test("is shown without user and password", () => {
    const { url, shown } = parseRedisUrl("rediss://alice:s3cret@redis.example:6380/4");
    assert.equal(shown, "rediss://redis.example:6380/4");
    assert.equal(url, "rediss://alice:s3cret@redis.example:6380/4");
  });

  test("is at port 6379 when the URL names none", () => {
    assert.equal(parseRedisUrl("rediss://cache").shown, "rediss://cache:6379");
    assert.equal(parseRedisUrl("redis://[::1]").shown, "redis://[::1]:6379");
  });

  test("is reached over TLS, by its name if it has one, when the URL says rediss", () => {
    assert.equal(parseRedisUrl("redis://cache").tls, undefined);
    assert.deepEqual(parseRedisUrl("rediss://cache").tls, { ca: undefined, servername: "cache" });
    for (const url of ["rediss://10.0.0.7:6380/2", "rediss://[::1]:6380"]) {
      assert.deepEqual(parseRedisUrl(url, "PEM").tls, { ca: "PEM", servername: undefined });
    }
    assert.throws(() => parseRedisUrl("redis://cache", "PEM"), /has the protocol redis, which heeds no authority/);
  });

  test("is connected to as whom it is said to be now, on whichever server it is", () => {
    const now = () => ({ url: "rediss://bob:n%2Fw@elsewhere/7", tlsCa: "NEW" });
    const known = addressAt(parseRedisUrl("rediss://alice:old@a:6380/4", "OLD", now), "b", 6381);
    const { url, tls, shown } = withCurrentLogin(known);
    assert.equal(url, "rediss://bob:n%2Fw@b:6381/4");
    assert.deepEqual(tls, { ca: "NEW", servername: "b" });
    assert.equal(shown, "rediss://b:6381/4");
    const fixed = parseRedisUrl("rediss://alice:old@a:6380/4", "OLD");
    assert.equal(withCurrentLogin(fixed), fixed);
  });

  for (const [url, what] of [
    ["no url: s3cret", /is not a URL/],
    ["cache:6379", /has the protocol cache/],
    ["http://alice:s3cret@host", /has the protocol http/],
    ["redis://alice:s3cret@host/presence", /has the path \/presence/],
    ["redis:///4", /names no host/],
  ] as const) {
    test(`is refused when it ${what.source.replaceAll("\\", "")}, saying what is right and no secrets`, () => {
      assert.throws(
        () => parseRedisUrl(url),
        (error) =>
          error instanceof TypeError &&
          what.test(error.message) &&
          error.message.includes("write redis://host:port") &&
          !error.message.includes("s3cret"),
      );
    });
  }
});
