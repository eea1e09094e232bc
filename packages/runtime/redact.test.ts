import assert from "node:assert/strict";
import { test } from "node:test";
import { namesSecret, redactUrls } from "./redact.ts";

test("user and password of a URL are hidden, wherever it stands, whatever they hold", () => {
  for (const [text, redacted] of [
    ["redis://bob:hunter2@cache:6379/0", "redis://***@cache:6379/0"],
    ["rediss://:hunter2@[::1]:6379", "rediss://***@[::1]:6379"],
    ["redis://bob:hun/t@er:2@cache", "redis://***@cache"],
    ["connect REDIS://bob:hunter2@cache failed", "connect REDIS://***@cache failed"],
    ['{"a":"x://u:p@h","b":"y://u:p@i"}', '{"a":"x://***@h","b":"y://***@i"}'],
  ] as const) {
    assert.equal(redactUrls(text), redacted);
  }
});

test("text without credentials stays as it is", () => {
  for (const text of ["redis://cache:6379/0", "mail bob@example.org", "http://a see b@c", ""]) {
    assert.equal(redactUrls(text), text);
  }
});

test("fields that hold secrets are known by their names", () => {
  for (const field of ["password", "saslPassword", "REDIS_PASSWORD", "Authorization", "clientSecret", "access_token"]) {
    assert.ok(namesSecret(field), field);
  }
  for (const field of ["user", "sessionId", "pass", "author", ""]) assert.ok(!namesSecret(field), field);
});
