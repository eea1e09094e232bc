import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { issueCertificates } from "@realchat/presence-rpc/testing";
import { type Environment, SettingsError } from "@realchat/presence-runtime";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { temporaryFolder } from "@realchat/presence-testing";
import { loadCommandConfig, loadConfig } from "./config.ts";
import type { DeliveryConfig } from "./delivery-config.ts";

function configOf(environment: Environment = {}, ...argv: string[]): DeliveryConfig {
  const start = loadConfig(argv, environment, new FakeClock());
  assert.equal(start.kind, "run");
  return start.config;
}

function problemsOf(environment: Environment, ...argv: string[]): string {
  try {
    loadConfig(argv, environment, new FakeClock());
  } catch (error) {
    assert.ok(error instanceof SettingsError);
    return error.problems.join("\n");
  }
  return "";
}

const secret = "a secret of at least thirty-two bytes";
const folder = temporaryFolder("delivery-config").path;
const fileWith = (name: string, content: string) => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

describe("configuration", () => {
  test("without settings it runs on a bare machine: loopback, memory, the feed of the presence beside it", () => {
    const { instanceId, ...config } = configOf();
    assert.match(instanceId, new RegExp(`^.+-${process.pid}-[0-9a-z]+$`));
    assert.deepEqual(config, {
      serviceName: "delivery",
      listen: {
        sockets: { host: "127.0.0.1", port: 8083 },
        operations: { host: "127.0.0.1", port: 8093 },
        tls: undefined,
      },
      servesPage: true,
      tokens: undefined,
      handshake: { cookie: "realchat_token", addressHeader: undefined, origins: new Set(), timeoutMs: 10_000 },
      presence: { addresses: ["127.0.0.1:50056"], tls: undefined, token: undefined },
      feed: "watch",
      audience: {
        redis: undefined,
        file: undefined,
        conversationApi: undefined,
        isImportExposed: false,
        hasSampleCast: true,
      },
      kafka: undefined,
      leases: true,
      privacy: { mayBeInvisible: true, rolesThatSee: new Set() },
      roles: { claim: "roles", known: new Set() },
      push: {
        limits: { interestMax: 2_000, watchedMax: 10_000, lookupMax: 1_000 },
        slowMs: 10_000,
        reconcileEveryMs: 300_000,
      },
      limits: {
        ...{ socketsMax: 50_000, userMaxSockets: 20, addressMaxSockets: 1_000, handshakesMax: 10_000 },
        ...{ messageMaxBytes: 128 * 1_024, messageRate: { perSecond: 20, burst: 100 } },
      },
      liveness: { pingEveryMs: 25_000, pongWithinMs: 10_000 },
      ...{ tracing: undefined, advice: [] },
      log: { level: "info", format: "auto" },
      drain: { delayMs: 0, spreadMs: 4_000, timeoutMs: 10_000 },
    });
  });

  test("knows the names of the existing deployment", () => {
    const config = configOf({
      HTTP_PORT: "8083",
      HTTP_ADDR: ":8093",
      ALLOW_INSECURE: "true",
      PRESENCE_SVC_ADDR: "presence-1:50056,presence-2:50056",
      REDIS_ADDR: "redis:6379",
      KAFKA_BROKERS: "kafka-1:9092,kafka-2:9092",
      KAFKA_TOPICS: "prod.presence.events.v1,contact.added=friends",
      JWT_SECRET: secret,
      INSTANCE_ID: "gateway-1",
    });
    assert.deepEqual(config.listen.sockets, { host: "", port: 8083 });
    assert.deepEqual(config.presence.addresses, ["presence-1:50056", "presence-2:50056"]);
    assert.deepEqual(config.audience.redis, { shown: "redis:6379", url: "redis://redis:6379", tlsCa: undefined });
    assert.equal(config.audience.hasSampleCast, false);
    assert.equal(config.feed, "kafka");
    assert.deepEqual(config.kafka?.topics, ["prod.presence.events.v1", "contact.added=friends"]);
    assert.deepEqual(config.tokens?.keys, { kind: "secret", secret });
    assert.equal(config.instanceId, "gateway-1");
  });

  test("addresses of gRPC may be written as gRPC does", () => {
    const config = configOf({ PRESENCE_SVC_ADDR: "dns:///presence:1", CONV_SVC_ADDR: "dns:///conversations:2" });
    assert.deepEqual(config.presence.addresses, ["presence:1"]);
    assert.equal(config.audience.conversationApi, "conversations:2");
  });

  test("a Redis with TLS may have an authority of its own", () => {
    const { ca } = issueCertificates();
    const redis = { REDIS_URL: "rediss://cache/2", REDIS_TLS_CA: fileWith("redis-ca.pem", ca) };
    assert.deepEqual(configOf(redis).audience.redis, { shown: "cache:6379", url: "rediss://cache/2", tlsCa: ca });
  });

  test("a Redis may have user, password and database beside its address", () => {
    const apart = { REDIS_ADDR: "cache:6379", REDIS_USERNAME: "bob", REDIS_PASSWORD: "hun@ter", REDIS_DB: "3" };
    assert.equal(configOf(apart).audience.redis?.url, "redis://bob:hun%40ter@cache:6379/3");
  });

  test("does not contain secrets when it is printed", () => {
    const PRESENCE_TOKEN = "rcp_hunter2";
    assert.equal(configOf({ PRESENCE_TOKEN }).presence.token, PRESENCE_TOKEN);
    assert.doesNotMatch(problemsOf({ PRESENCE_TOKEN: "rcp hunter2" }), /hunter2/);
    const secrets = { JWT_SECRET: secret, REDIS_URL: "redis://me:pass%40word@host:1", PRESENCE_TOKEN };
    const start = loadConfig(["--print-config"], secrets);
    assert.equal(start.kind, "print");
    assert.doesNotMatch(start.text, /thirty-two|pass|hunter2/);
    assert.match(start.text, /^AUTH=jwt /m);
  });
});

describe("who may be anybody", () => {
  test("without a key: open on loopback, refused beyond it unless it is forced", () => {
    assert.equal(configOf().tokens, undefined);
    const open = { HTTP_PORT: ":8083", ALLOW_INSECURE: "true" };
    assert.match(problemsOf(open), /^AUTH=jwt has no key to check tokens with/);
    assert.match(
      problemsOf(open, "--auth", "none"),
      /^AUTH=none lets everybody who reaches HTTP_PORT=:8083 be anybody/,
    );
    const forced = { ...open, ALLOW_UNAUTHENTICATED: "true" };
    assert.equal(configOf(forced, "--auth=none").tokens, undefined);
    // Forcing is no answer to the question how: without --auth none it still wants a key.
    assert.match(problemsOf(forced), /^AUTH=jwt has no key/);
  });

  test("with a key: refused. A setting that implies tokens is not overruled silently", () => {
    assert.deepEqual(configOf({ JWT_SECRET: secret }).tokens?.keys, { kind: "secret", secret });
    const pem = generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "pem" }).toString();
    const forTokens = {
      JWT_SECRET: secret,
      JWT_PUBLIC_KEY: fileWith("public.pem", pem),
      JWKS_URL: "https://login.example/keys",
      JWT_ISSUER: "login",
      JWT_AUDIENCE: "chat",
    };
    for (const [name, value] of Object.entries(forTokens)) {
      assert.match(
        problemsOf({ [name]: value, AUTH: "none" }),
        new RegExp(`^AUTH=none takes everybody for whom he says he is, but ${name} is set: leave out ${name}, or`),
      );
    }
    assert.match(
      problemsOf({ JWT_SECRET: secret, JWT_ISSUER: "login", AUTH: "none" }),
      /but JWT_SECRET and JWT_ISSUER/,
    );
  });

  test("a setting for tokens without a key: the key was forgotten", () => {
    for (const name of ["JWT_ISSUER", "JWT_AUDIENCE"]) {
      assert.match(problemsOf({ [name]: "x" }), /^AUTH=jwt has no key to check tokens with/, name);
    }
  });

  test("keys come from one place, and are long enough", () => {
    assert.match(problemsOf({ JWT_SECRET: "short" }), /^JWT_SECRET has 5 bytes: give at least 32/);
    const both = { JWT_SECRET: secret, JWKS_URL: "https://login.example/keys" };
    assert.match(problemsOf(both), /^JWT_SECRET and JWKS_URL are set: give the one/);
    const pem = generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "pem" }).toString();
    const file = fileWith("key.pem", pem);
    assert.deepEqual(configOf({ JWT_PUBLIC_KEY: file }).tokens?.keys, { kind: "pem", pem });
    const wrong = fileWith("wrong.pem", "no key");
    assert.match(problemsOf({ JWT_PUBLIC_KEY: wrong }), /has no usable public key \(it is not PEM\)/);
  });
});

test("origins are read as browsers write them; what no page could have is refused", () => {
  const { origins } = configOf({ ORIGINS: "HTTPS://Chat.Example:443/, http://localhost:3000" }).handshake;
  assert.deepEqual([...origins], ["https://chat.example", "http://localhost:3000"]);
  assert.match(problemsOf({ ORIGINS: "https://a.example,chat.example" }), /^ORIGINS=.*: entry 2 has no scheme: give/);
});

test("imports over HTTP_ADDR are exposed beyond loopback, unless that is wanted", () => {
  const isExposed = (environment: Environment) => configOf(environment).audience.isImportExposed;
  assert.equal(isExposed({ HTTP_ADDR: "[::1]:8093" }), false);
  assert.equal(isExposed({ HTTP_ADDR: ":8093", ALLOW_INSECURE: "true" }), true);
  assert.equal(isExposed({ HTTP_ADDR: ":8093", ALLOW_INSECURE: "true", ALLOW_IMPORT: "true" }), false);
});

test("a command beside the gateway need not listen as safely", () => {
  const environment = { HTTP_PORT: ":8083", HTTP_ADDR: "gateway-1:8093" };
  assert.match(problemsOf(environment), /^HTTP_PORT=:8083 is reachable/);
  const start = loadCommandConfig([], environment);
  assert.deepEqual(start.kind === "run" && start.config.listen.operations, { host: "gateway-1", port: 8093 });
  const twoKeys = { JWT_SECRET: secret, JWKS_URL: "https://login.example/keys" };
  assert.throws(() => loadCommandConfig([], twoKeys), SettingsError);
});

describe("what does not go together is refused", () => {
  const authority = fileWith("ca.pem", issueCertificates().ca);
  const cases: Record<string, [Environment, RegExp]> = {
    "sockets beyond loopback without TLS": [
      { HTTP_PORT: ":8083", JWT_SECRET: secret },
      /^HTTP_PORT=:8083 is reachable from other machines without TLS: .* listen on 127\.0\.0\.1:8083, or accept it with ALLOW_INSECURE=true/,
    ],
    "metrics beyond loopback": [{ HTTP_ADDR: "0.0.0.0:8093" }, /^HTTP_ADDR=0\.0\.0\.0:8093 shows metrics/],
    "a certificate without its key": [
      { TLS_CERT: fileWith("cert.pem", issueCertificates().server.certificate) },
      /^TLS_CERT is set without TLS_KEY/,
    ],
    "a Kafka feed without Kafka": [{ FEED: "kafka" }, /^FEED=kafka, but KAFKA_BROKERS is not set/],
    "a header that does not hold just an address": [
      { ADDRESS_HEADER: "forwarded" },
      /^ADDRESS_HEADER=forwarded is not read/,
    ],
    "a login to no broker": [
      { KAFKA_SASL_MECHANISM: "PLAIN", KAFKA_SASL_USERNAME: "me", KAFKA_SASL_PASSWORD: "x" },
      /^KAFKA_SASL_MECHANISM is set, but KAFKA_BROKERS is not: give the brokers/,
    ],
    "TLS to no broker": [{ KAFKA_TLS: "true" }, /^KAFKA_TLS is set, but KAFKA_BROKERS is not/],
    "half a login": [{ KAFKA_SASL_USERNAME: "me" }, /^KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and/],
    "two Redis servers": [{ REDIS_URL: "redis://a:1", REDIS_ADDR: "b:1" }, /name different servers/],
    "a password for no Redis": [{ REDIS_PASSWORD: "x" }, /^REDIS_PASSWORD is set, but no Redis is/],
    "a Redis user without a password": [{ REDIS_URL: "redis://bob@cache" }, /^a Redis user is set without a password/],
    "a Cluster without Redis": [{ REDIS_CLUSTER: "true" }, /^REDIS_CLUSTER is set, but no Redis is/],
    "a Cluster's database": [
      { REDIS_URL: "redis://cache/2", REDIS_CLUSTER: "true" },
      /^a Redis Cluster has no database but 0: leave out the database number 2/,
    ],
    "TLS files for plaintext presence": [{ PRESENCE_TLS_CA: authority }, /need PRESENCE_TLS=true/],
    "an authority for plaintext Redis": [
      { REDIS_URL: "redis://cache", REDIS_TLS_CA: authority },
      /^REDIS_TLS_CA is set, but no TLS is: give a REDIS_URL with rediss:\/\//,
    ],
    "pongs that may come after the next ping": [
      { PONG_TIMEOUT: "30s" },
      /^PONG_TIMEOUT=30s is not below PING_INTERVAL=25s/,
    ],
    "a spread longer than the drain": [{ DRAIN_SPREAD: "10s" }, /^DRAIN_SPREAD=10s is not below DRAIN_TIMEOUT=10s/],
    "fewer watched than shown unasked": [{ WATCHED_MAX: "5" }, /^WATCHED_MAX=5 is below INTEREST_MAX=2000/],
    "a topic renamed that is not read": [
      { KAFKA_TOPICS: "contacts.added=x" },
      /^KAFKA_TOPICS: contacts\.added=x renames/,
    ],
    "two names for one topic": [
      { KAFKA_TOPICS: "a.user.blocked,b.user.blocked" },
      /^KAFKA_TOPICS: a\.user\.blocked and b\.user\.blocked both stand for user\.blocked/,
    ],
    "a topic that is none": [{ KAFKA_TOPICS: "a b" }, /^KAFKA_TOPICS=a b .*entry 1 has other characters/],
  };
  for (const [name, [environment, problem]] of Object.entries(cases)) {
    test(name, () => assert.match(problemsOf(environment), problem));
  }
});
