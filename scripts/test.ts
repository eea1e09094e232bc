import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { systemClock as clock, outliveBrokenOutput } from "@realchat/presence-runtime";
import { repository, seed } from "@realchat/presence-testing";
import { atOnce } from "./test/at-once.ts";
import { checks } from "./test/checks.ts";
import { neededServers } from "./test/needed-servers.ts";
import { failed } from "./test/outcome.ts";
import { Report } from "./test/report.ts";
import { runSuite } from "./test/run-suite.ts";
import { lacks, provideServers, type Servers, serversOf } from "./test/servers.ts";
import { SpareProcessor } from "./test/spare-processor.ts";
import { findSuites, type Suite, type SuiteKind } from "./test/suites.ts";

/** The test command. What a suite needs is in the name of its file: test/suites.ts. */

const usage = `npm test                   everything, on a real Redis, Kafka and Chromium that it provides itself
npm run test:local         what needs no server: types, style, tidy, generated code, and the tests without one
npm run test:unit          the quickest of these tests alone
npm test -- WORD...        only the suites whose path contains one of the words
SEED=41 npm test           repeats the random tests of an earlier run
RUNS=10 npm test -- model  tries ten times as many runs of the stores and their model

REDIS_SERVER names a redis-server to use, JAVA_HOME and KAFKA_HOME a Java and a Kafka; without them PATH, the package
manager, Maven Central and Docker are tried. CHROME_PATH names a Chromium or Chrome; without it PATH, the package manager
and npm are tried. TEST_KAFKA_BROKERS names a running Kafka for the suites that share one. The rules of
alerts are tried by promtool, of the Prometheus that PATH, the package manager or Docker has. Where PATH has Go, its
gRPC client tries our server, and the chart is checked with the Kubernetes API's types; a run without it says so at its end.
`;

type Mode = { kinds: readonly SuiteKind[]; withChecks: boolean };

const modes: Record<"all" | "local" | "unit", Mode> = {
  all: { kinds: ["unit", "local", "server", "fault"], withChecks: true },
  local: { kinds: ["unit", "local"], withChecks: true },
  unit: { kinds: ["unit"], withChecks: false },
};

/** How long a suite may take. */
const timeoutMs: Record<SuiteKind, number> = { unit: 120_000, local: 300_000, server: 300_000, fault: 300_000 };

const processors = availableParallelism();
/** Suites wait, for locks, processes and pauses: more of them than processors keep these busy. */
const width = { least: processors, most: 3 * processors, untilRoom: roomFor(500) };
/**
 * What servers promise within a time takes processors that have room for it: one suite more than these, where room lasts.
 * It is taken from the end, where suites of faults are, which wait the most.
 */
const serverWidth = { least: processors, most: processors + 1, untilRoom: roomFor(3_000) };

/** @param lookMs see SpareProcessor */
function roomFor(lookMs: number): () => Promise<void> {
  const spare = new SpareProcessor(lookMs);
  return () => spare.until();
}

const { values: flags, positionals: words } = parseArgs({
  options: { local: { type: "boolean" }, unit: { type: "boolean" }, help: { type: "boolean" } },
  allowPositionals: true,
});
outliveBrokenOutput(process.stdout, process.stderr);
if (flags.help) process.stdout.write(usage);
else exitWith(await runTests(modes[flags.unit ? "unit" : flags.local ? "local" : "all"]));

/** Exits when all that was written has left: a pipe would lose the rest. */
function exitWith(code: number): void {
  process.stdout.write("", () => process.exit(code));
}

async function runTests(mode: Mode): Promise<number> {
  const report = new Report((line) => process.stdout.write(`${line}\n`), clock);
  const env = { ...process.env, SEED: String(seed()) };
  const found = findSuites(repository, words);
  const suites = mode.kinds.flatMap((kind) => found.filter((suite) => suite.kind === kind));
  if (suites.length === 0) report.add("suites", failed("none found", `No path contains ${words.join(" or ")}.`));

  // Servers come up while the checks and the suites that need none run.
  const providing = provideServers(serversOf(suites), (line) => report.note(line));
  const wantedChecks = mode.withChecks && words.length === 0 ? checks : [];
  const withServers = suites.filter((suite) => neededServers(suite).length > 0);
  const others = suites.filter((suite) => !withServers.includes(suite));
  const jobs = [
    ...wantedChecks.map((check) => () => report.time(check.name, check.run)),
    ...others.map((suite) => () => runFile(suite, env, providing, report)),
  ];
  const serverJobs = withServers.map((suite) => () => runFile(suite, env, providing, report));
  const cancelProgress = clock.every(60_000, () => report.progress(jobs.length + serverJobs.length));
  await atOnce(width, jobs, (job) => job());
  await atOnce(serverWidth, serverJobs, (job) => job());
  cancelProgress();
  const servers = await providing;
  await servers.stop();

  for (const missing of servers.missing.values()) report.missing(missing);
  report.finish();
  return report.exitCode;
}

async function runFile(suite: Suite, env: NodeJS.ProcessEnv, providing: Promise<Servers>, report: Report) {
  const { file, kind } = suite;
  const servers = neededServers(suite).length === 0 ? undefined : await providing;
  const lacking = servers && lacks(suite, servers);
  if (lacking?.isOptional) report.notRun(file, lacking);
  else if (lacking) report.add(file, failed("did not run", `It needs ${lacking.server}, which is missing.`));
  else {
    const options = { env: { ...env, ...servers?.env }, timeoutMs: timeoutMs[kind] };
    await report.time(file, () => runSuite(file, options));
  }
}
