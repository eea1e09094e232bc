import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryFolder } from "@realchat/presence-testing";
import { neededServers } from "./needed-servers.ts";

test("a suite needs the servers that it starts, itself or through what it imports", () => {
  const { path } = temporaryFolder("needed");
  const put = (file: string, source: string) => writeFileSync(join(path, file), source);
  put("cluster.ts", 'import "./events.ts";\nawait startRedis();\n');
  put("events.ts", 'import "./cluster.ts";\nawait sharedKafka();\n');
  put("both.fault.test.ts", 'import { cluster } from "./cluster.ts";\n');
  put("redis.server.test.ts", "await startRedis();\n");
  put("page.server.test.ts", "await startChromium();\n");
  put("other-client.server.test.ts", "await provideGrpcGo();\n");
  put("chart.server.test.ts", "await provideChartCheck();\n");
  put("rules.server.test.ts", "await providePromtool();\n");
  put("unknown.server.test.ts", "");
  assert.deepEqual(neededServers({ file: "both.fault.test.ts", kind: "fault" }, path), ["Redis", "Kafka"]);
  assert.deepEqual(neededServers({ file: "redis.server.test.ts", kind: "server" }, path), ["Redis"]);
  assert.deepEqual(neededServers({ file: "page.server.test.ts", kind: "server" }, path), ["Chromium"]);
  assert.deepEqual(neededServers({ file: "other-client.server.test.ts", kind: "server" }, path), ["grpc-go"]);
  assert.deepEqual(neededServers({ file: "chart.server.test.ts", kind: "server" }, path), ["chart-check"]);
  assert.deepEqual(neededServers({ file: "rules.server.test.ts", kind: "server" }, path), ["promtool"]);
  const all = ["Redis", "Kafka", "Chromium"];
  assert.deepEqual(neededServers({ file: "unknown.server.test.ts", kind: "server" }, path), all);
  assert.deepEqual(neededServers({ file: "redis.server.test.ts", kind: "unit" }, path), []);
});
