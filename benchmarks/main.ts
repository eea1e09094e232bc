import { fork } from "node:child_process";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { systemClock as clock, nearest, outliveBrokenOutput } from "@realchat/presence-runtime";
import { repository } from "@realchat/presence-testing";
import type { Benchmark } from "./benchmark.ts";
import { catalogue } from "./catalogue.ts";
import { type Figure, summaryOf } from "./report/figure.ts";
import { tableOf } from "./report/table.ts";
import type { News } from "./run-one.ts";

/** `npm run bench`: measures, and prints the results beside their targets. The exit code does not depend on them. */

const help = `Measures presence beside the obvious way to do the same, on real servers, in one run.

Usage: npm run bench -- [flags] [benchmark …]        without names: all of them

${catalogue.map(({ name, about }) => `  ${name.padEnd(20)}${about}`).join("\n")}

  --quick   less data and fewer rounds: to see that it runs, not to quote
  --profile also a V8 CPU profile of our own engine, and its hottest functions; benchmarks rpc-… only
  --json    the figures as JSON on stdout, with the samples of every round
  --list    the names only
  --help    prints this

CPU is the processes' own CPU time; each figure is the median of its rounds, with the least and the most. Exit code 0
whatever the figures are, 1 when one could not be measured, 2 for a wrong command line.
`;

const profileFolder = `${repository}/.cache/profiles`;

interface Outcome {
  readonly benchmark: string;
  readonly figures: Figure[];
  /** Why it did not come to its end. */
  readonly failure?: string;
}

outliveBrokenOutput(process.stdout, process.stderr);
const flags = readFlags();
if (flags.help) process.stdout.write(help);
else if (flags.list) process.stdout.write(`${catalogue.map(({ name }) => name).join("\n")}\n`);
else await measure(flags.chosen);

async function measure(chosen: readonly Benchmark[]): Promise<void> {
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? "CPU"}, Node ${process.versions.node}, ${process.platform}`;
  const outcomes: Outcome[] = [];
  for (const benchmark of chosen) {
    const outcome = await runInOwnProcess(benchmark);
    outcomes.push(outcome);
    if (!flags.json) process.stdout.write(`\n${benchmark.name}: ${benchmark.about}\n${tableOf(outcome.figures)}\n\n`);
    if (outcome.failure !== undefined) process.exitCode = 1;
  }
  if (flags.json) {
    const judged = outcomes.map(({ figures, ...outcome }) => ({
      ...outcome,
      figures: figures.map((figure) => ({ ...figure, ...summaryOf(figure), baseline: figure.baseline })),
    }));
    process.stdout.write(`${JSON.stringify({ machine, quick: flags.quick, outcomes: judged }, undefined, 2)}\n`);
  } else {
    process.stdout.write(`Measured on ${machine}${flags.quick ? "; quick: not to be quoted" : ""}.\n`);
  }
}

/** One benchmark's compiled code, garbage and sockets are not another's. */
function runInOwnProcess({ name, limitSeconds }: Benchmark): Promise<Outcome> {
  const figures: Figure[] = [];
  const startMs = clock.monotonicMs();
  const say = (text: string) =>
    process.stderr.write(`${((clock.monotonicMs() - startMs) / 1000).toFixed(0).padStart(4)} s  ${name}: ${text}\n`);
  const args = [
    name,
    flags.quick ? "quick" : "full",
    ...(flags.profile ? [`${profileFolder}/${name}.cpuprofile`] : []),
  ];
  const child = fork(new URL("./run-one.ts", import.meta.url), args, {
    execArgv: ["--expose-gc", ...process.execArgv],
    stdio: ["ignore", 2, 2, "ipc"],
  });
  let isTooLong = false;
  const cancelLimit = clock.after(limitSeconds * 1000, () => {
    isTooLong = true;
    child.kill("SIGTERM");
  });
  child.on("message", (news: News) => {
    if ("figure" in news) figures.push(news.figure);
    else say(news.progress);
  });
  return new Promise((resolve) => {
    child.on("close", (code, signal) => {
      cancelLimit();
      if (code === 0) return resolve({ benchmark: name, figures });
      const failure = isTooLong ? `not done after ${limitSeconds} s` : `ended with ${signal ?? `code ${code}`}`;
      say(failure);
      resolve({ benchmark: name, figures, failure });
    });
  });
}

function readFlags() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        quick: { type: "boolean", default: false },
        profile: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        list: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    return { ...values, chosen: positionals.length === 0 ? catalogue : positionals.map(benchmarkOf) };
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nSee: npm run bench -- --help\n`);
    process.exit(2);
  }
}

function benchmarkOf(name: string): Benchmark {
  const found = catalogue.find((candidate) => candidate.name === name);
  if (found !== undefined) return found;
  const meant = nearest(
    name,
    catalogue.map((candidate) => candidate.name),
  );
  throw new Error(`there is no benchmark "${name}"${meant === undefined ? "" : `; did you mean ${meant}?`}`);
}
