import { parseArgs } from "node:util";
import { systemClock as clock, outliveBrokenOutput } from "@realchat/presence-runtime";
import { repository, seed } from "@realchat/presence-testing";
import { atMost } from "./test/at-most.ts";
import { checks } from "./test/checks.ts";
import { failed, type Outcome } from "./test/outcome.ts";
import { Report } from "./test/report.ts";
import { runSuite } from "./test/run-suite.ts";
import { lacks, provideServers, serversOf } from "./test/servers.ts";
import { findSuites, type Suite, type SuiteKind } from "./test/suites.ts";

/** The test command. What a suite needs is in the name of its file: test/suites.ts. */

const usage = `npm test                   everything, on a real Redis, Kafka and Chromium that it provides itself
npm run test:local         what needs no server: types, style, tidy, generated code, and the tests without one
npm run test:unit          the quickest of these tests alone, in seconds
npm test -- WORD...        only the suites whose path contains one of the words
SEED=41 npm test           repeats the random tests of an earlier run

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

/** How many suites of a kind run at once, and how long one may take. */
const limits: Record<SuiteKind, { atOnce: number; timeoutMs: number }> = {
  unit: { atOnce: 4, timeoutMs: 120_000 },
  local: { atOnce: 2, timeoutMs: 300_000 },
  server: { atOnce: 2, timeoutMs: 300_000 },
  // They wait, more than they work: for time-outs, fail-overs and grace periods.
  fault: { atOnce: 2, timeoutMs: 300_000 },
};

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
  const report = new Report((line) => process.stdout.write(`${line}\n`));
  const env = { ...process.env, SEED: String(seed()) };
  const suites = findSuites(repository, words).filter((suite) => mode.kinds.includes(suite.kind));
  if (suites.length === 0) report.add("suites", failed("none found", `No path contains ${words.join(" or ")}.`), 0);

  // Servers come up while the checks and the unit suites run.
  const providing = provideServers(serversOf(suites), (line) => report.note(line));
  if (mode.withChecks && words.length === 0) await atMost(2, checks, (check) => time(report, check.name, check.run));
  await runSuites("unit", suites, env, report);
  await runSuites("local", suites, env, report);
  const servers = await providing;
  const able = suites.filter((suite) => !lacks(suite, servers));
  for (const suite of suites) {
    const lacking = lacks(suite, servers);
    if (lacking?.isOptional) report.notRun(suite.file, lacking);
    else if (lacking) report.add(suite.file, failed("did not run", `It needs ${lacking.server}, which is missing.`), 0);
  }
  await runSuites("server", able, { ...env, ...servers.env }, report);
  await runSuites("fault", able, { ...env, ...servers.env }, report);
  await servers.stop();

  for (const missing of servers.missing.values()) report.missing(missing);
  report.finish();
  return report.exitCode;
}

async function runSuites(kind: SuiteKind, suites: readonly Suite[], env: NodeJS.ProcessEnv, report: Report) {
  const { atOnce, timeoutMs } = limits[kind];
  const ofKind = suites.filter((suite) => suite.kind === kind);
  await atMost(atOnce, ofKind, ({ file }) => time(report, file, () => runSuite(file, { env, timeoutMs })));
}

async function time(report: Report, name: string, run: () => Promise<Outcome>): Promise<void> {
  const begin = clock.monotonicMs();
  const outcome = await run();
  report.add(name, outcome, (clock.monotonicMs() - begin) / 1_000);
}
