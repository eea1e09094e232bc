import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { temporaryFolder } from "@realchat/presence-testing";
import { environmentsFor, withConfigFile } from "./environments.ts";
import { withGatewayDefaults } from "./gateway-defaults.ts";
import { services } from "./services.ts";

const given = (environment: NodeJS.ProcessEnv, flags: Record<string, string> = {}) =>
  environmentsFor([services[0], services[1]], environment, new Map(Object.entries(flags)));

describe("the two processes", () => {
  test("both get the environment, and flags over it", () => {
    const [presence, delivery] = given(
      { REDIS_URL: "redis://a:1", KAFKA_BROKERS: "b:1", LOG_LEVEL: "warn" },
      { LOG_LEVEL: "error" },
    );
    for (const { REDIS_URL, KAFKA_BROKERS, LOG_LEVEL } of [presence, delivery]) {
      assert.deepEqual([REDIS_URL, KAFKA_BROKERS, LOG_LEVEL], ["redis://a:1", "b:1", "error"]);
    }
  });

  test("each gets what is meant for it alone", () => {
    const [presence, delivery] = given({
      LOG_LEVEL: "info",
      DELIVERY_LOG_LEVEL: "debug",
      PRESENCE_HTTP_ADDR: "127.0.0.1:1",
      DELIVERY_HTTP_ADDR: "127.0.0.1:2",
    });
    assert.deepEqual([presence.LOG_LEVEL, delivery.LOG_LEVEL], ["info", "debug"]);
    assert.deepEqual([presence.HTTP_ADDR, delivery.HTTP_ADDR], ["127.0.0.1:1", "127.0.0.1:2"]);
  });

  test("the gateway's settings about presence stay the gateway's", () => {
    const [presence, delivery] = given({ PRESENCE_TLS_CERT: "client.pem" });
    assert.equal(presence.TLS_CERT, undefined);
    assert.equal(delivery.PRESENCE_TLS_CERT, "client.pem");
  });

  test("a config file may give to both or to one alone, below the environment", (t) => {
    const folder = temporaryFolder("environments");
    t.after(() => folder.remove());
    const path = join(folder.path, "realchat.conf");
    const read = (...lines: string[]) => {
      writeFileSync(path, lines.join("\n"));
      return withConfigFile(path, [services[0], services[1]], { LOG_LEVEL: "warn", SESSION_TTL: "" });
    };
    assert.deepEqual(read("LOG_LEVEL=debug", "SESSION_TTL=9s", "DELIVERY_HTTP_ADDR=127.0.0.1:2"), {
      ...{ LOG_LEVEL: "warn", SESSION_TTL: "9s", DELIVERY_HTTP_ADDR: "127.0.0.1:2" },
    });
    assert.throws(() => read("SESION_TTL=5s"), { message: /line 1 .* did you mean SESSION_TTL\?/ });
  });

  test("what they must not share is refused, and the message says what to give", () => {
    assert.throws(() => given({ INSTANCE_ID: "a" }), {
      name: "SettingsError",
      message: /INSTANCE_ID is for one process, .* give PRESENCE_INSTANCE_ID, DELIVERY_INSTANCE_ID/,
    });
  });
});

describe("the gateway", () => {
  test("connects to presence where it listens, unless configured otherwise", () => {
    assert.equal(withGatewayDefaults({}, "127.0.0.1:1").PRESENCE_SVC_ADDR, "127.0.0.1:1");
    assert.equal(withGatewayDefaults({ PRESENCE_SVC_ADDR: "a:2" }, "127.0.0.1:1").PRESENCE_SVC_ADDR, "a:2");
  });

  test("knows the sample cast on Redis and Kafka too, but not among real people", () => {
    assert.equal(withGatewayDefaults({ REDIS_URL: "redis://a:1", KAFKA_BROKERS: "b:1" }, "").SAMPLE_CAST, "true");
    for (const real of [{ JWT_SECRET: "s" }, { AUTH: "jwt" }, { AUDIENCE_FILE: "f" }, { CONV_SVC_ADDR: "c:1" }]) {
      assert.equal(withGatewayDefaults(real, "").SAMPLE_CAST, undefined);
    }
    assert.equal(withGatewayDefaults({ SAMPLE_CAST: "false" }, "").SAMPLE_CAST, "false");
  });
});
