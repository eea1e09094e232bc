import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { issueCertificates } from "@realchat/presence-rpc/testing";
import { type Environment, SettingsError } from "@realchat/presence-runtime";
import { callerLine } from "@realchat/presence-runtime/callers";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { temporaryFolder } from "@realchat/presence-testing";
import { loadConfig } from "./config.ts";
import { defaultLeasePace } from "./domain/lease.ts";
import { defaultLimits } from "./domain/limits.ts";
import { defaultRules } from "./domain/rules.ts";
import type { PresenceConfig } from "./presence-config.ts";
import { presenceSettings } from "./settings.ts";

function configOf(environment: Environment = {}, ...argv: string[]): PresenceConfig {
  const start = loadConfig(argv, environment, new FakeClock());
  assert.equal(start.kind, "run");
  return start.config;
}

function printed(environment: Environment, ...argv: string[]): string {
  const start = loadConfig(argv, environment, new FakeClock());
  assert.equal(start.kind, "print");
  return start.text;
}

function problemsOf(environment: Environment, ...argv: string[]): readonly string[] {
  try {
    loadConfig(argv, environment, new FakeClock());
  } catch (error) {
    assert.ok(error instanceof SettingsError);
    return error.problems;
  }
  return [];
}

describe("configuration", () => {
  test("with nothing given it runs on a bare machine: loopback, memory, no Kafka", () => {
    const { instanceId, ...config } = configOf();
    assert.match(instanceId, new RegExp(`^.+-${process.pid}-[0-9a-z]+$`));
    assert.deepEqual(config, {
      serviceName: "presence",
      listen: {
        grpc: { host: "127.0.0.1", port: 50056 },
        operations: { host: "127.0.0.1", port: 8096 },
        tls: undefined,
      },
      callers: undefined,
      store: { kind: "memory", logMaxEntries: 1_000_000 },
      events: { publishers: ["memory"], kafka: undefined },
      session: {
        ...{ ttlMs: 60_000, heartbeatIntervalMs: 20_000, graceMs: 5_000, lastSeenRetentionMs: 86_400_000 },
        leases: { ...defaultLeasePace, refused: undefined },
      },
      limits: { ...defaultLimits, messageMaxBytes: 4 * 2 ** 20 },
      ...{ tracing: undefined, advice: [] },
      log: { level: "info", format: "auto" },
      drain: { delayMs: 0, timeoutMs: 10_000 },
    });
  });

  test("its defaults are those of the domain", () => {
    const { session, limits } = configOf();
    assert.equal(session.ttlMs, defaultRules.ttlMs);
    assert.equal(session.graceMs, defaultRules.graceMs);
    assert.equal(session.leases.ttlMs, defaultRules.leaseTtlMs);
    assert.equal(session.leases.sessionTtlMs, defaultRules.leasedTtlMs);
    assert.equal(limits.userMaxDevices, defaultRules.userMaxDevices);
  });

  test("two nodes on one machine have different ids, unless they are told one", async () => {
    const clock = new FakeClock();
    const idOf = () => {
      const start = loadConfig([], {}, clock);
      return start.kind === "run" ? start.config.instanceId : assert.fail();
    };
    const first = idOf();
    await clock.advance(1);
    assert.notEqual(idOf(), first);
    assert.equal(configOf({ INSTANCE_ID: "node-7" }).instanceId, "node-7");
  });

  test("a TTL of 1 s is fine, with everything else at its default", () => {
    const { session } = configOf({ SESSION_TTL: "1s" });
    assert.deepEqual([session.ttlMs, session.heartbeatIntervalMs], [1_000, 333]);
    assert.equal(problemsOf({ SESSION_TTL: "999ms" }).length, 1);
  });

  test("a collector turns tracing on, unless something else turns it off", () => {
    const collector = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318/" };
    const defaults = {
      ...{ url: "http://collector:4318/v1/traces", serviceName: "presence", queueMax: 2_048, delayMs: 5_000 },
      ...{ attributes: {}, headers: {}, timeoutMs: 10_000, compression: "none" },
      tls: { ca: undefined, certificate: undefined, key: undefined },
      sampler: { isParentBased: true, ratio: 1 },
    };
    assert.deepEqual(configOf(collector).tracing, defaults);
    assert.equal(configOf({ ...collector, OTEL_SDK_DISABLED: "true" }).tracing, undefined);
    assert.equal(configOf({ ...collector, OTEL_TRACES_EXPORTER: "none" }).tracing, undefined);
    const given = {
      ...{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://traces/in", OTEL_SERVICE_NAME: "who-is-there" },
      ...{ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.25" },
      ...{
        OTEL_RESOURCE_ATTRIBUTES: "k8s.pod.name=presence-0",
        OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20x",
      },
    };
    assert.deepEqual(configOf({ ...collector, ...given }).tracing, {
      ...{ ...defaults, url: "https://traces/in", serviceName: "who-is-there" },
      ...{ attributes: { "k8s.pod.name": "presence-0" }, headers: { authorization: "Bearer x" } },
      sampler: { isParentBased: false, ratio: 0.25 },
    });
    const ratioOf = (name: string) => configOf({ ...collector, OTEL_TRACES_SAMPLER: name }).tracing?.sampler.ratio;
    assert.deepEqual(["always_off", "parentbased_always_off", "always_on"].map(ratioOf), [0, 0, 1]);
    assert.match(problemsOf({ OTEL_TRACES_SAMPLER_ARG: "25%" })[0] ?? "", /is no number from 0 to 1/);
    const headers = problemsOf({ OTEL_EXPORTER_OTLP_HEADERS: "Bearer x" });
    assert.match(headers.join(), /^OTEL_EXPORTER_OTLP_HEADERS=\*\*\* .*percent-encoded$/);
    assert.match(problemsOf({ OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" })[0] ?? "", /give http\/protobuf/);
  });

  test("the old names for tracing end no start, and say what to set", () => {
    const old = { TRACING_ENABLED: "true", JAEGER_URL: "http://user:secret@jaeger:14268" };
    const { advice, tracing } = configOf(old);
    assert.equal(tracing, undefined);
    assert.deepEqual(
      advice.map((line) => line.replace(/ does nothing: set OTEL_EXPORTER_OTLP_ENDPOINT=http:\/\/HOST:4318.*/, "")),
      ["TRACING_ENABLED", "JAEGER_URL"],
    );
    assert.equal(printed(old, "--print-config").includes("user:secret"), false);
    const beside = configOf({ ...old, OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" });
    assert.match(
      beside.advice[0] ?? "",
      /TRACING_ENABLED does nothing beside OTEL_EXPORTER_OTLP_ENDPOINT: leave it out/,
    );
  });

  test("no grace at all is allowed", () => {
    assert.equal(configOf({ OFFLINE_GRACE: "0" }).session.graceMs, 0);
  });

  test("a heartbeat interval that lets every session expire is refused", () => {
    assert.equal(configOf({ HEARTBEAT_INTERVAL: "59s" }).session.heartbeatIntervalMs, 59_000);
    assert.deepEqual(problemsOf({ HEARTBEAT_INTERVAL: "60s" }), [
      "HEARTBEAT_INTERVAL=1m is not below SESSION_TTL=1m: every session would expire; give about a third of it",
    ]);
  });

  test("a lease that one lost heartbeat would end is refused", () => {
    const { leases } = configOf().session;
    assert.deepEqual([leases.ttlMs, leases.heartbeatIntervalMs], [15_000, 5_000]);
    assert.equal(configOf({ LEASE_TTL: "12s" }).session.leases.ttlMs, 12_000);
    assert.deepEqual(problemsOf({ LEASE_TTL: "11s" }), [
      "LEASE_TTL=11s is too short for LEASE_HEARTBEAT_INTERVAL=5s: one lost heartbeat would end the lease; give at least 12s",
    ]);
  });

  test("gateways get no leases where what ended is forgotten before the last verification", () => {
    assert.equal(configOf({ LAST_SEEN_RETENTION: "16m" }).session.leases.refused, undefined);
    assert.match(configOf({ LAST_SEEN_RETENTION: "15m" }).session.leases.refused ?? "", /at least 16m, it is 15m$/);
  });

  test("last seen is remembered for at least two minutes, as tombstones need", () => {
    assert.equal(configOf({ LAST_SEEN_RETENTION: "2m" }).session.lastSeenRetentionMs, defaultRules.memoryMs);
    assert.match(problemsOf({ LAST_SEEN_RETENTION: "119s" })[0] ?? "", /^LAST_SEEN_RETENTION=119s .* is too small/);
  });

  test("--help names every setting, its flag, and needs no valid configuration", () => {
    const help = printed({ SHARDS: "none" }, "--help", "--nonsense");
    for (const name of Object.keys(presenceSettings)) {
      assert.match(help, new RegExp(`^ {2}--${name.toLowerCase().replaceAll("_", "-")}\\b.* ${name} `, "m"));
    }
  });

  test("--version says which release it is, and needs no valid configuration", () => {
    assert.match(printed({ SHARDS: "none" }, "--version"), /^presence \d+\.\d+\.\d+\S*$/m);
  });

  test("--print-config shows what follows from other settings, and no secret", () => {
    const text = printed(
      {
        REDIS_URL: "redis://bob:hunter2@cache:6379/3",
        KAFKA_BROKERS: "a:9092,b:9092",
        KAFKA_SASL_MECHANISM: "PLAIN",
        KAFKA_SASL_USERNAME: "bob",
        KAFKA_SASL_PASSWORD: "hunter2",
      },
      "--print-config",
      "--session-ttl=30s",
    );
    assert.doesNotMatch(text, /hunter2/);
    assert.match(text, /^REDIS_URL=redis:\/\/\*\*\*@cache:6379\/3 +# environment$/m);
    assert.match(text, /^KAFKA_SASL_PASSWORD=\*\*\* +# environment$/m);
    assert.match(text, /^SESSION_TTL=30s +# flag$/m);
    assert.match(text, /^HEARTBEAT_INTERVAL=10s +# default$/m);
    assert.match(text, /^EVENTS=kafka +# default$/m);
  });

  test("--print-config does not print a configuration that could not run", () => {
    assert.equal(problemsOf({ EVENTS: "kafka" }, "--print-config").length, 1);
  });
});

describe("Redis settings", () => {
  test("a URL says everything", () => {
    assert.deepEqual(configOf({ REDIS_URL: "rediss://bob:hun%40ter@[::1]:6380/3", SHARDS: "4" }).store, {
      kind: "redis",
      url: "rediss://bob:hun%40ter@[::1]:6380/3",
      tlsCa: undefined,
      shown: "[::1]:6380",
      commandTimeoutMs: 2_000,
      shardCount: 4,
      logMaxEntries: 1_000_000,
    });
  });

  test("an address with user, password and database beside it says the same, without TLS", () => {
    const apart = { REDIS_USERNAME: "bob", REDIS_PASSWORD: "hun@ter", REDIS_DB: "3" };
    const { store } = configOf({ REDIS_ADDR: "cache:6379", ...apart });
    assert.deepEqual(store, configOf({ REDIS_URL: "redis://bob:hun%40ter@cache:6379/3" }).store);
    assert.deepEqual(store, configOf({ REDIS_URL: "redis://cache", ...apart }).store);
  });

  test("a prefix of Redis' names has letters, digits and what stands between them", () => {
    const { store } = configOf({ REDIS_URL: "redis://cache", REDIS_KEY_PREFIX: "staging:" });
    assert.equal(store.kind === "redis" && store.keyPrefix, "staging:");
    for (const wrong of ["{a}:", "a b", "a*", "a?", "[a]"]) {
      assert.deepEqual(problemsOf({ REDIS_URL: "redis://cache", REDIS_KEY_PREFIX: wrong }), [
        `REDIS_KEY_PREFIX=${wrong} (environment) has other characters: give letters, digits, dots, dashes, underscores and colons, such as staging:`,
      ]);
    }
    assert.match(problemsOf({ REDIS_KEY_PREFIX: "a:" })[0] ?? "", /^REDIS_KEY_PREFIX is set, but no Redis is/);
  });

  test("the master that Sentinels name is told by them, and all else beside", () => {
    const sentinels = { REDIS_SENTINELS: "a:26379,b:26379", REDIS_SENTINEL_MASTER: "main" };
    const { store } = configOf({ ...sentinels, REDIS_PASSWORD: "s3cret", REDIS_DB: "2", REDIS_TLS: "true" });
    assert.deepEqual(store, {
      kind: "redis",
      shown: "main, by the Sentinels a:26379, b:26379",
      url: "rediss://:s3cret@main/2",
      tlsCa: undefined,
      sentinel: {
        master: "main",
        addresses: [
          { host: "a", port: 26_379 },
          { host: "b", port: 26_379 },
        ],
        username: undefined,
        password: undefined,
      },
      commandTimeoutMs: 2_000,
      shardCount: 16,
      logMaxEntries: 1_000_000,
    });
    const conflicts: readonly [Readonly<Record<string, string>>, RegExp][] = [
      [{ ...sentinels, REDIS_URL: "redis://cache" }, /REDIS_SENTINELS and REDIS_URL both say where Redis is/],
      [{ ...sentinels, REDIS_ADDR: "cache:6379" }, /REDIS_SENTINELS and REDIS_ADDR both say where Redis is/],
      [{ ...sentinels, REDIS_CLUSTER: "true" }, /a Cluster has no Sentinels/],
      [{ REDIS_SENTINELS: "a:26379" }, /REDIS_SENTINEL_MASTER is not/],
      [{ REDIS_SENTINEL_MASTER: "main" }, /REDIS_SENTINELS is not/],
      [{ REDIS_SENTINEL_PASSWORD: "s3cret" }, /REDIS_SENTINEL_PASSWORD is set, but REDIS_SENTINELS is not/],
      [{ ...sentinels, REDIS_SENTINEL_USERNAME: "bob" }, /give REDIS_SENTINEL_PASSWORD too/],
      [{ REDIS_TLS: "true" }, /REDIS_TLS is set, but no Redis is/],
      [{ REDIS_TLS: "true", REDIS_URL: "redis://cache" }, /contradicts the protocol of REDIS_URL/],
      [{ REDIS_ALLOW_EVICTION: "allkeys-lru" }, /REDIS_ALLOW_EVICTION is set, but no Redis is/],
    ];
    for (const [values, wanted] of conflicts) {
      const problems = problemsOf(values);
      assert.equal(problems.length, 1, problems.join("; "));
      assert.match(problems[0] ?? "", wanted);
    }
  });

  test("Redis is a Cluster when it is said, and then has no databases", () => {
    const cluster = { REDIS_ADDR: "cache:6379", REDIS_CLUSTER: "true" };
    assert.deepEqual(configOf(cluster).store, { ...configOf({ REDIS_ADDR: "cache:6379" }).store, cluster: true });
    assert.equal(configOf({ ...cluster, REDIS_DB: "0" }).store.kind, "redis");
    assert.deepEqual(problemsOf({ ...cluster, REDIS_DB: "3" }), [
      "a Redis Cluster has no database but 0: leave out the database number 3",
    ]);
    assert.deepEqual(problemsOf({ REDIS_ADDR: "cache:6379", REDIS_CLUSTER_SEEDS: "b:6379" }), [
      "REDIS_CLUSTER_SEEDS is set, but REDIS_CLUSTER is not: give REDIS_CLUSTER=true, or leave the seeds out",
    ]);
    assert.deepEqual(problemsOf({ REDIS_CLUSTER: "true" }), [
      "REDIS_CLUSTER is set, but no Redis is: give REDIS_URL or REDIS_ADDR too",
    ]);
  });

  test("address and URL may both be given when they say the same", () => {
    assert.equal(configOf({ REDIS_ADDR: "cache:6379", REDIS_URL: "redis://cache" }).store.kind, "redis");
    assert.deepEqual(problemsOf({ REDIS_ADDR: "cache:6379", REDIS_URL: "redis://bob:hunter2@cache:6380" }), [
      "REDIS_ADDR=cache:6379 and REDIS_URL (cache:6380) name different servers: give one of them",
    ]);
  });

  test("what contradicts itself or has no Redis to go with is refused, without showing a secret", () => {
    assert.deepEqual(problemsOf({ REDIS_URL: "redis://:hunter2@cache/1", REDIS_PASSWORD: "hunter3", REDIS_DB: "2" }), [
      "REDIS_PASSWORD differs from the one in REDIS_URL: give it in one place",
      "REDIS_DB differs from the one in REDIS_URL: give it in one place",
    ]);
    assert.deepEqual(problemsOf({ REDIS_PASSWORD: "hunter2" }), [
      "REDIS_PASSWORD is set, but no Redis is: give REDIS_URL or REDIS_ADDR too",
    ]);
    assert.deepEqual(problemsOf({ REDIS_ADDR: "cache:6379", REDIS_USERNAME: "bob" }), [
      "a Redis user is set without a password: give REDIS_PASSWORD too",
    ]);
  });

  test("a URL that says more than can be heeded is refused", () => {
    for (const [url, why] of [
      ["redis://bob:hunter2@cache/one", "has no database number as its path"],
      ["redis://bob:hunter2@cache/1?db=2", "has a query or fragment, which nothing reads"],
      ["redis://bob:hunter2%@cache", "has a % in its user or password that is not %25"],
    ] as const) {
      const [problem = ""] = problemsOf({ REDIS_URL: url });
      assert.ok(problem.includes(why), problem);
      assert.doesNotMatch(problem, /hunter2/);
    }
  });
});

describe("event settings", () => {
  test("brokers are enough to publish to Kafka", () => {
    assert.deepEqual(configOf({ KAFKA_BROKERS: "a:9092,[::1]:9093" }).events, {
      publishers: ["kafka"],
      kafka: {
        brokers: [
          { host: "a", port: 9092 },
          { host: "::1", port: 9093 },
        ],
        topic: "presence.events.v1",
        createTopic: true,
        partitions: 16,
        replication: undefined,
        tls: undefined,
        sasl: undefined,
      },
    });
  });

  test("several publishers at once", () => {
    const { events } = configOf({ EVENTS: "kafka,redis-pubsub", KAFKA_BROKERS: "a:9092", REDIS_ADDR: "cache:6379" });
    assert.deepEqual(events.publishers, ["kafka", "redis-pubsub"]);
  });

  test("brokers stay unused when EVENTS does not name kafka", () => {
    const { events } = configOf({ EVENTS: "memory", KAFKA_BROKERS: "a:9092" });
    assert.deepEqual(events, { publishers: ["memory"], kafka: undefined });
  });

  test("a publisher whose server is not named is refused", () => {
    assert.deepEqual(problemsOf({ EVENTS: "kafka,redis-pubsub" }), [
      "EVENTS has kafka, but KAFKA_BROKERS is not set: give the brokers as host:port,host:port",
      "EVENTS has redis-pubsub, but no Redis is set: give REDIS_URL or REDIS_ADDR",
    ]);
  });

  test("a login is mechanism, user and password together", () => {
    const login = { KAFKA_SASL_MECHANISM: "SCRAM-SHA-512", KAFKA_SASL_USERNAME: "bob", KAFKA_SASL_PASSWORD: "hunter2" };
    assert.deepEqual(configOf({ KAFKA_BROKERS: "a:9092", ...login }).events.kafka?.sasl, {
      mechanism: "SCRAM-SHA-512",
      username: "bob",
      password: "hunter2",
    });
    for (const missing of Object.keys(login)) {
      assert.match(problemsOf({ ...login, [missing]: "" }).join(), /belong together: give all three or none$/);
    }
  });

  test("TLS and a login for brokers that are not named are refused", () => {
    const login = { KAFKA_SASL_MECHANISM: "PLAIN", KAFKA_SASL_USERNAME: "bob", KAFKA_SASL_PASSWORD: "hunter2" };
    assert.deepEqual(problemsOf({ KAFKA_TLS: "true", ...login }), [
      "KAFKA_TLS is set, but KAFKA_BROKERS is not: give the brokers as host:port,host:port",
      "KAFKA_SASL_MECHANISM is set, but KAFKA_BROKERS is not: give the brokers as host:port,host:port",
    ]);
  });

  test("a topic has the characters that Kafka allows", () => {
    assert.match(problemsOf({ KAFKA_TOPIC: "presence events" }).join(), /give letters, digits, dots/);
  });
});

describe("safe by default", () => {
  const folder = temporaryFolder("config");
  after(() => folder.remove());
  const { ca, server, client } = issueCertificates();
  const write = (name: string, content: string) => {
    const path = join(folder.path, name);
    writeFileSync(path, content);
    return path;
  };
  const TLS_CERT = write("server.crt", server.certificate);
  const TLS_KEY = write("server.key", server.key);
  const TLS_CLIENT_CA = write("ca.crt", ca);

  test("gRPC beyond loopback without TLS is refused, and the refusal names what allows it", () => {
    for (const address of [":50056", "50056", "0.0.0.0:50056", "[::]:50056", "presence:50056"]) {
      assert.match(
        problemsOf({ GRPC_ADDR: address })[0] ?? "",
        /^GRPC_ADDR=.*:50056 is reachable from other machines without TLS: set TLS_CERT and TLS_KEY, listen on 127\.0\.0\.1, or accept it with ALLOW_INSECURE=true \(--allow-insecure\)$/,
      );
    }
    assert.deepEqual(problemsOf({ GRPC_ADDR: "[::1]:50056" }), []);
  });

  test("so are operations, which never have TLS", () => {
    const tls = { TLS_CERT, TLS_KEY, HTTP_ADDR: ":8096" };
    assert.match(problemsOf(tls).join(), /^HTTP_ADDR=:8096 shows metrics.* ALLOW_INSECURE=true \(--allow-insecure\)$/);
    assert.deepEqual(problemsOf({ ...tls, ALLOW_INSECURE: "true" }), []);
  });

  test("so is gRPC that whoever reaches it may call, unless something says who may", () => {
    const open = { GRPC_ADDR: ":50056", TLS_CERT, TLS_KEY };
    assert.deepEqual(problemsOf(open), [
      "GRPC_ADDR=:50056 lets everybody who reaches it call everything: say who may with API_TOKENS_FILE, API_JWKS_URL or TLS_CLIENT_CA, listen on 127.0.0.1, or accept it with ALLOW_INSECURE=true (--allow-insecure)",
    ]);
    const API_TOKENS_FILE = write("callers", callerLine("gateway-1", ["gateway"], "token"));
    const jwt = { API_JWKS_URL: "https://login.example/keys", API_JWT_AUDIENCE: "presence" };
    for (const said of [{ API_TOKENS_FILE }, jwt, { TLS_CLIENT_CA }, { ALLOW_INSECURE: "true" }]) {
      assert.deepEqual(problemsOf({ ...open, ...said }), []);
    }
  });

  test("--allow-insecure allows all", () => {
    const { listen } = configOf({ GRPC_ADDR: ":50056", HTTP_ADDR: "0.0.0.0:8096" }, "--allow-insecure");
    assert.deepEqual([listen.grpc.host, listen.operations.host, listen.tls], ["", "0.0.0.0", undefined]);
  });

  test("with TLS gRPC may listen anywhere; a client authority makes it mutual", () => {
    assert.deepEqual(configOf({ TLS_CERT, TLS_KEY }).listen.tls, { certificate: server.certificate, key: server.key });
    assert.equal(configOf({ GRPC_ADDR: ":50056", TLS_CERT, TLS_KEY, TLS_CLIENT_CA }).listen.tls?.clientCa, ca);
  });

  test("TLS files that do not make a whole are refused", () => {
    assert.match(problemsOf({ TLS_CERT }).join(), /^TLS_CERT is set without TLS_KEY/);
    assert.match(problemsOf({ TLS_KEY }).join(), /^TLS_KEY is set without TLS_CERT/);
    assert.match(problemsOf({ TLS_CLIENT_CA }).join(), /^TLS_CLIENT_CA is set without TLS_CERT/);
    const other = write("client.key", client.key);
    assert.match(problemsOf({ TLS_CERT, TLS_KEY: other }).join(), /^TLS_KEY=.*client\.key is not the key of TLS_CERT=/);
  });

  test("callers come from a list, from JSON Web Tokens made for presence, or both", () => {
    const API_TOKENS_FILE = write("list", `${callerLine("gateway-1", ["gateway"], "token")}\nops admin cn:ops\n`);
    const { callers } = configOf({ API_TOKENS_FILE, CALLER_STREAMS_MAX: "7" });
    assert.deepEqual(
      callers?.listed.map(({ name }) => name),
      ["gateway-1", "ops"],
    );
    assert.deepEqual([callers?.tokens, callers?.quotas], [undefined, { callsPerSecond: 20_000, streamsMax: 7 }]);
    const secret = "a secret of at least thirty-two bytes";
    const jwt = configOf({ API_JWT_SECRET: secret, API_JWT_AUDIENCE: "presence" }).callers;
    assert.deepEqual(jwt?.listed, []);
    assert.deepEqual(jwt?.tokens, { keys: { kind: "secret", secret }, issuer: undefined, audience: "presence" });
  });

  test("a list of callers that is wrong is refused with its line, keys that would take the tokens of others too", () => {
    const wrong = write("wrong", "gateway-1 gateway,raed 00");
    assert.match(
      problemsOf({ API_TOKENS_FILE: wrong }).join(),
      /^API_TOKENS_FILE=.*\(line 1: .*unknown scope: there are /,
    );
    assert.match(problemsOf({ API_TOKENS_FILE: join(folder.path, "none") }).join(), /no usable callers \(ENOENT/);
    const key = { API_JWT_SECRET: "a secret of at least thirty-two bytes" };
    assert.match(problemsOf(key).join(), /^API_JWT_AUDIENCE is not set: a token that was made for another service/);
    assert.match(
      problemsOf({ API_JWT_AUDIENCE: "presence" }).join(),
      /^API_JWT_AUDIENCE and API_JWT_ISSUER need a key/,
    );
    const short = { API_JWT_SECRET: "short", API_JWKS_URL: "https://a.example/keys", API_JWT_AUDIENCE: "presence" };
    assert.match(problemsOf(short).join(), /^API_JWT_SECRET and API_JWKS_URL are set: .*API_JWT_SECRET has 5 bytes/);
    // What lets users into a gateway lets nobody into presence.
    assert.equal(configOf({ JWT_SECRET: key.API_JWT_SECRET }).callers, undefined);
  });

  test("an authority for Kafka without TLS would do nothing, and is refused", () => {
    const kafka = { KAFKA_BROKERS: "a:9092", KAFKA_TLS_CA: TLS_CLIENT_CA };
    assert.deepEqual(problemsOf(kafka), ["KAFKA_TLS_CA is set, but KAFKA_TLS is not: give KAFKA_TLS=true"]);
    assert.deepEqual(configOf({ ...kafka, KAFKA_TLS: "true" }).events.kafka?.tls, { ca });
  });

  test("so would one for a Redis without TLS", () => {
    const REDIS_TLS_CA = TLS_CLIENT_CA;
    for (const redis of [{}, { REDIS_ADDR: "cache:6379" }, { REDIS_URL: "redis://cache" }]) {
      assert.deepEqual(problemsOf({ ...redis, REDIS_TLS_CA }), [
        "REDIS_TLS_CA is set, but no TLS is: give a REDIS_URL with rediss://, or REDIS_TLS=true",
      ]);
    }
    const { store } = configOf({ REDIS_URL: "rediss://cache", REDIS_TLS_CA });
    assert.equal(store.kind === "redis" && store.tlsCa, ca);
  });
});
