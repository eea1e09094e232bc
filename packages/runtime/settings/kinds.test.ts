import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { problemOf } from "../testing/problem-of.ts";
import { peerAddress } from "./address.ts";
import { integer, keyValues, listOf, oneOf, secret, secretKeyValues, text, toggle, url } from "./kinds.ts";

describe("integer", () => {
  const kind = integer({ min: 1, max: 1_024 });

  test("is read within its range, bounds included", () => {
    assert.equal(kind.schema.parse("1"), 1);
    assert.equal(kind.schema.parse("1024"), 1_024);
  });

  test("what is wrong is said, with the range", () => {
    const right = "give a whole number from 1 to 1024";
    assert.equal(problemOf(kind, "0"), `is too small: ${right}`);
    assert.equal(problemOf(kind, "-3"), `is too small: ${right}`);
    assert.equal(problemOf(kind, "1025"), `is too large: ${right}`);
    assert.equal(problemOf(kind, "99999999999999999999"), `is too large: ${right}`);
    for (const given of ["1.5", "1e2", "0x10", " 1", "many", ""]) {
      assert.equal(problemOf(kind, given), `is not a whole number: ${right}`, given);
    }
  });
});

describe("toggle", () => {
  test("takes the words that people use", () => {
    for (const yes of ["true", "TRUE", "1", "yes", "on"]) assert.equal(toggle.schema.parse(yes), true);
    for (const no of ["false", "False", "0", "no", "off"]) assert.equal(toggle.schema.parse(no), false);
    assert.equal(problemOf(toggle, "perhaps"), "is neither true nor false: give one of them");
  });
});

describe("one of, and lists", () => {
  const kind = oneOf(["kafka", "redis-pubsub", "memory"]);

  test("an unknown word is answered with those there are", () => {
    assert.equal(kind.schema.parse("kafka"), "kafka");
    assert.equal(problemOf(kind, "Kafka"), "is unknown: give kafka, redis-pubsub or memory");
  });

  test("a list is read, spaces aside, and shown again", () => {
    const list = listOf(kind);
    assert.deepEqual(list.schema.parse("kafka, memory"), ["kafka", "memory"]);
    assert.equal(list.show(["kafka", "memory"]), "kafka,memory");
    assert.deepEqual(listOf(peerAddress).schema.parse("a:1,[::1]:2"), [
      { host: "a", port: 1 },
      { host: "::1", port: 2 },
    ]);
  });

  test("repetitions and empty entries are refused", () => {
    assert.equal(problemOf(listOf(kind), "kafka,kafka"), "names one twice: give each once");
    assert.equal(problemOf(listOf(kind), "kafka,"), "is unknown: give kafka, redis-pubsub or memory");
  });
});

describe("values with keys", () => {
  test("are read, decoded, and shown again", () => {
    const pairs = keyValues.schema.parse("deployment.environment=prod, team=a%2Cb%3Dc");
    assert.deepEqual(pairs, { "deployment.environment": "prod", team: "a,b=c" });
    assert.equal(keyValues.show(pairs), "deployment.environment=prod,team=a%2Cb%3Dc");
  });

  test("what is no such list is refused, and no secret is shown", () => {
    const right = "is no list of values: give key=value,key=value, percent-encoded";
    for (const given of ["prod", "=prod", "a=b=c", "a=b,", "%=b", "a=%", ""])
      assert.equal(problemOf(keyValues, given), right);
    assert.equal(secretKeyValues.show({ authorization: "Bearer x" }), "***");
    assert.equal(secretKeyValues.hide?.("authorization"), "***");
  });
});

describe("text", () => {
  test("is bounded in bytes and printable", () => {
    const kind = text({ maxBytes: 4 });
    assert.equal(kind.schema.parse("💬"), "💬");
    assert.equal(problemOf(kind, "💬!"), "is too long: give at most 4 bytes");
    assert.equal(problemOf(kind, "a\nb"), "has control characters: give printable text");
  });

  test("with a pattern only what matches is taken", () => {
    const kind = text({ maxBytes: 10, pattern: /^[a-z]+$/, right: "give letters" });
    assert.equal(kind.schema.parse("abc"), "abc");
    assert.equal(problemOf(kind, "a c"), "has other characters: give letters");
  });
});

describe("secrets and URLs", () => {
  test("a secret is never shown, right or wrong", () => {
    assert.equal(secret.schema.parse("hunter2"), "hunter2");
    assert.equal(secret.show("hunter2"), "***");
    assert.equal(secret.hide?.("hunter2"), "***");
  });

  test("a URL is shown without its credentials, even one that is none", () => {
    const kind = url(["redis", "rediss"]);
    assert.equal(kind.show(kind.schema.parse("redis://bob:hunter2@cache:6379/1")), "redis://***@cache:6379/1");
    for (const wrong of [
      "redis:bob:hunter2@cache",
      "bob:hunter2@cache",
      "http://bob:hunter2@cache",
      "redis://:a/hunter2@b",
    ]) {
      assert.equal(
        problemOf(kind, wrong),
        "is no URL of this kind: give redis://host:port or rediss://host:port",
        wrong,
      );
      assert.doesNotMatch(kind.hide?.(wrong) ?? "", /hunter2/);
    }
  });
});
