import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { issueCertificates } from "@realchat/presence-rpc/testing";
import { startDelivery, startPresence, startRedis, temporaryFolder } from "@realchat/presence-testing";
import { connect } from "../testing/socket-client.ts";

test("a gateway keeps its directory in a Redis that has TLS, an ACL user and a database for it", async (t) => {
  const folder = temporaryFolder("redis-tls");
  t.after(() => folder.remove());
  const write = (name: string, content: string) => {
    writeFileSync(join(folder.path, name), content);
    return join(folder.path, name);
  };
  const tls = issueCertificates();
  const redis = await startRedis({ tls, user: "delivery", password: "s3cret" });
  t.after(() => redis.stop());
  const presence = await startPresence();
  t.after(() => presence.stop());
  const env = {
    ...{ PRESENCE_SVC_ADDR: presence.grpcAddress, SAMPLE_CAST: "false" },
    ...{ REDIS_URL: `${redis.url}/2`, REDIS_TLS_CA: write("ca.pem", tls.ca) },
    AUDIENCE_FILE: write("audience.jsonl", '{"conversation_id":"room","participants":["ann","bob"]}\n'),
  };

  const stranger = write("stranger.pem", issueCertificates().ca);
  await assert.rejects(startDelivery({ env: { ...env, REDIS_TLS_CA: stranger } }), ({ message }: Error) => {
    assert.match(message, /^delivery cannot start: rediss:.* no authority trusted here signed: set REDIS_TLS_CA/m);
    assert.doesNotMatch(message, /s3cret/);
    return true;
  });

  const gateway = await startDelivery({ env });
  t.after(() => gateway.stop());
  const [ann, bob] = await Promise.all(
    ["ann", "bob"].map((userId) => connect({ address: gateway.socketAddress, userId })),
  );
  await Promise.all([ann?.untilTold("bob", true), bob?.untilTold("ann", true)]);
  const health = await (await fetch(`http://${gateway.httpAddress}/health/ready`)).text();
  assert.match(health, new RegExp(`at rediss://127\\.0\\.0\\.1:${redis.port}/2`));
  assert.doesNotMatch(gateway.logs() + health, /s3cret/);
});
