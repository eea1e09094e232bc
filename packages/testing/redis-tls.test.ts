import assert from "node:assert/strict";
import { test } from "node:test";
import { isWithoutTls } from "./redis-tls.ts";

test("a server that was built without TLS is known by its last words", () => {
  const redis = `*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***
Reading the configuration file, at line 3
>>> 'tls-port "16379"'
Bad directive or wrong number of arguments
`;
  const valkey = `# Missing implement of connection type tls
# Failed finding TLS support.
`;
  assert.equal(isWithoutTls(redis), true);
  assert.equal(isWithoutTls(valkey), true);
  assert.equal(isWithoutTls(redis.replace("tls-port", "nonsense")), false);
  assert.equal(isWithoutTls("# Failed to configure TLS. Check logs for more info."), false);
});
