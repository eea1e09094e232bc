import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { issueCertificates } from "@realchat/presence-rpc/testing";
import { systemClock } from "@realchat/presence-runtime/clock";
import {
  bareEnvironment,
  repository,
  startChild,
  startRedis,
  type TestRedis,
  temporaryFolder,
} from "@realchat/presence-testing";
import { RedisDirectory } from "./audience/redis/redis-directory.ts";

const folder = temporaryFolder("audience-import");
let redis: TestRedis;
before(async () => {
  redis = await startRedis();
});
after(async () => {
  await redis.stop();
  folder.remove();
});

/** Runs `audience import` on a file with that content. */
async function importing(content: string, flags: readonly string[]): Promise<{ code: number; output: string }> {
  const file = join(folder.path, "audience.jsonl");
  writeFileSync(file, content);
  const child = await startChild(
    process.execPath,
    [join(import.meta.dirname, "cli.ts"), "audience", "import", file, ...flags],
    { logFile: join(folder.path, "output"), cwd: repository, env: bareEnvironment },
  );
  return { code: await child.untilEnded(), output: child.output() };
}

test("audience import fills the Redis that gateways share", async (t) => {
  const content = `{"conversation_id":"room","participants":["ann","bob"]}\n{"user_id":"ann","blocked":"cid"}\n`;
  const { code, output } = await importing(content, ["--redis-url", redis.url]);
  assert.equal(output, "imported 1 conversations, 0 contacts, 1 blocks and 0 policies\n");
  assert.equal(code, 0);
  const directory = new RedisDirectory({ url: redis.url }, systemClock);
  t.after(() => directory.close());
  await directory.open();
  assert.deepEqual((await directory.visibleTo("ann", 10)).users, ["bob"]);
  assert.equal((await directory.state()).imports, 1);
});

test("a file with an error in it is refused as a whole, by the line", async (t) => {
  const content = `{"conversation_id":"club","participants":["eve","fay"]}\n{"user_id":"eve"}\n`;
  const { code, output } = await importing(content, ["--redis-url", redis.url]);
  assert.equal(code, 1);
  assert.match(output, /line 2 needs exactly one of conversation_id, contact_id, blocked and privacy/);
  const directory = new RedisDirectory({ url: redis.url }, systemClock);
  t.after(() => directory.close());
  await directory.open();
  assert.deepEqual((await directory.visibleTo("eve", 10)).users, []);
});

test("audience import reaches a Redis with TLS, an ACL user and a database for it, or says what it wants", async (t) => {
  const tls = issueCertificates();
  const authority = (name: string, ca: string) => {
    writeFileSync(join(folder.path, name), ca);
    return ["--redis-tls-ca", join(folder.path, name)];
  };
  const secured = await startRedis({ tls, user: "delivery", password: "s3cret" });
  t.after(() => secured.stop());
  const url = `${secured.url}/2`;
  const content = `{"user_id":"ann","contact_id":"bob"}\n`;

  for (const flags of [[], authority("stranger.pem", issueCertificates().ca)]) {
    const { code, output } = await importing(content, ["--redis-url", url, ...flags]);
    assert.equal(code, 1);
    assert.equal(
      output,
      `audience import: rediss://127.0.0.1:${secured.port}/2: Redis has a certificate that no authority trusted here signed: set REDIS_TLS_CA to the one that did\n`,
    );
  }

  const { code, output } = await importing(content, ["--redis-url", url, ...authority("ca.pem", tls.ca)]);
  assert.match(output, /^imported 0 conversations, 1 contacts, 0 blocks and 0 policies\n/);
  assert.equal(code, 0);
  const directory = new RedisDirectory({ url, tlsCa: tls.ca }, systemClock);
  t.after(() => directory.close());
  await directory.open();
  assert.equal((await directory.state()).imports, 1);
});
