import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { issueCertificates } from "@realchat/presence-rpc/testing";
import { startRedis } from "./redis.ts";
import { redisAnswers } from "./redis-ping.ts";

/** Sends inline commands, one a line, and resolves with all that came back. */
function say(port: number, ...commands: string[]): Promise<string> {
  return sayWithin(30_000, port, ...commands);
}

function sayWithin(timeoutMs: number, port: number, ...commands: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(`${[...commands, "QUIT"].join("\r\n")}\r\n`));
    let answer = "";
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error("no answer")));
    socket.on("error", reject);
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1");
    });
    socket.on("end", () => resolve(answer.replace(/\+OK\r\n$/, "")));
  });
}

test("a test's Redis can be frozen, thawed, killed, started again on its port, and stopped", async () => {
  const redis = await startRedis();
  assert.equal(await say(redis.port, "SET key value"), "+OK\r\n");

  redis.pause();
  await assert.rejects(sayWithin(300, redis.port, "PING"), /no answer/);
  redis.resume();
  assert.equal(await say(redis.port, "GET key"), "$5\r\nvalue\r\n");

  const before = redis.pid;
  await redis.kill();
  await assert.rejects(say(redis.port, "PING"), /ECONNREFUSED/);
  await redis.restart();
  assert.notEqual(redis.pid, before);
  assert.equal(await say(redis.port, "GET key"), "$-1\r\n", "it keeps nothing by default");

  redis.pause();
  await redis.stop();
  await assert.rejects(say(redis.port, "PING"), /ECONNREFUSED/);
});

test("a test's Redis can have a password, and persist its data", async () => {
  const redis = await startRedis({ password: "open sesame", args: ["--appendonly", "yes", "--appendfsync", "always"] });
  const login = 'AUTH "open sesame"';
  assert.match(await say(redis.port, "PING"), /^-NOAUTH/);
  assert.equal(redis.url, `redis://:open%20sesame@127.0.0.1:${redis.port}`);
  assert.match(await say(redis.port, login, "SET key value"), /^\+OK\r\n\+OK\r\n$/);
  await redis.restart();
  assert.match(await say(redis.port, login, "GET key"), /\$5\r\nvalue\r\n$/);
  await redis.stop();
});

test("a test's Redis can have TLS only, and a single ACL user", async () => {
  const tls = issueCertificates();
  const user = { user: "presence", password: "open sesame" };
  const redis = await startRedis({ tls, ...user });
  assert.equal(redis.url, `rediss://presence:open%20sesame@127.0.0.1:${redis.port}`);
  const place = { host: redis.host, port: redis.port };
  await redis.restart();
  assert.equal(await redisAnswers({ ...place, ...user, tls }), true);
  assert.equal(await redisAnswers({ ...place, ...user }), false, "without TLS");
  assert.equal(await redisAnswers({ ...place, ...user, tls: issueCertificates() }), false, "of another authority");
  assert.equal(await redisAnswers({ ...place, tls }), false, "without a login");
  assert.equal(await redisAnswers({ ...place, tls, password: user.password }), false, "as the default user");
  await redis.stop();
});

test("a Redis that cannot start says why in its own words", async () => {
  await assert.rejects(startRedis({ args: ["--nonsense", "1"] }), /ended with code 1[\s\S]*nonsense/i);
});
