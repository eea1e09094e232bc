import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createLog, type LogOptions } from "./log.ts";

function capture(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const log = createLog(
    { service: "presence", instance: "node-1", level: "info", format: "json", ...options },
    { write: (line) => lines.push(line) },
  );
  return { log, lines };
}

describe("log", () => {
  test("a JSON line has level, ISO time, service, instance, message and fields", () => {
    const { log, lines } = capture();
    log.warn({ shard: 3 }, "the lease is gone");
    const { time, ...line } = JSON.parse(lines.join(""));
    assert.deepEqual(line, {
      level: "warn",
      service: "presence",
      instance: "node-1",
      shard: 3,
      msg: "the lease is gone",
    });
    assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.ok(lines[0]?.endsWith("}\n"));
  });

  test("lines below the level are not written", () => {
    const { log, lines } = capture({ level: "error" });
    log.warn("no");
    log.error("yes");
    assert.equal(lines.length, 1);
  });

  for (const format of ["json", "pretty"] as const) {
    test(`no credential reaches a ${format} line: not in messages, fields at any depth, children or errors`, () => {
      const { log, lines } = capture({ format });
      log.info("connecting to redis://bob:hunter2@cache:6379");
      log.info({ redis: { options: { password: "hunter2", urls: ["redis://:hunter2@cache"] } } }, "options");
      log.info({ headers: { Authorization: ["Bearer hunter2"] }, sasl: { secret: { value: "hunter2" } } }, "call");
      log.child({ token: "hunter2" }).info("child");
      log.error(new Error("redis://bob:hunter2@cache refused", { cause: new Error("kafka://x:hunter2@y") }));
      assert.equal(lines.length, 5);
      assert.doesNotMatch(lines.join(""), /hunter2/);
      assert.match(lines.join(""), /redis:\/\/\*\*\*@cache:6379/);
    });
  }

  test("pretty lines are for people: no JSON, no service, the fields below", () => {
    const { log, lines } = capture({ format: "pretty" });
    log.info({ shard: 3 }, "the lease is gone");
    assert.match(lines.join(""), /^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: the lease is gone\n {4}shard: 3\n/);
    assert.doesNotMatch(lines.join(""), /presence|node-1/);
  });
});
