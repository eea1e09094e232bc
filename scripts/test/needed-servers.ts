import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { repository, type ServerName } from "@realchat/presence-testing";
import { importsOf } from "../tidy/source.ts";
import type { Suite } from "./suites.ts";

const signs: Record<ServerName, RegExp> = {
  Redis: /\b(startRedis|startRedisCluster|startSentinels|redisKinds)\b/,
  Kafka: /\b(startKafka|sharedKafka)\b/,
  Chromium: /\bstartChromium\b/,
  "chart-check": /\bprovideChartCheck\b/,
  "grpc-go": /\bprovideGrpcGo\b/,
  promtool: /\bprovidePromtool\b/,
  nginx: /\bprovideNginx\b/,
  haproxy: /\bprovideHaproxy\b/,
  envoy: /\bprovideEnvoy\b/,
};
const names = Object.keys(signs) as ServerName[];
const ofMany: readonly ServerName[] = ["Redis", "Kafka", "Chromium"];

/**
 * The servers that a suite starts, itself or through files that it imports by relative paths. If none is found: all but
 * those that a single suite needs.
 */
export function neededServers(suite: Suite, root = repository): readonly ServerName[] {
  if (suite.kind === "unit" || suite.kind === "local") return [];
  const sources = [...sourcesBehind(join(root, suite.file), new Set())];
  const needed = names.filter((name) => sources.some((source) => signs[name].test(source)));
  return needed.length === 0 ? ofMany : needed;
}

function* sourcesBehind(file: string, seen: Set<string>): Generator<string> {
  if (seen.has(file) || !existsSync(file)) return;
  seen.add(file);
  const source = readFileSync(file, "utf8");
  yield source;
  for (const { target } of importsOf(source)) {
    if (target.startsWith(".")) yield* sourcesBehind(join(dirname(file), target), seen);
  }
}
