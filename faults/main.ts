import { parseArgs } from "node:util";
import { outliveBrokenOutput, systemClock } from "@realchat/presence-runtime";
import { check } from "./checker/check.ts";
import { runFaults } from "./fault-run.ts";
import { catalogue } from "./injection/catalogue.ts";
import { reportOf } from "./report.ts";
import { standardTiming } from "./standard-run.ts";
import { redisKinds } from "./system/redis-place.ts";
import { findFaketime } from "./time/false-clock.ts";

/** `npm run test:faults`: harms a real system at random and checks that presence kept its promises. */

const help = `Starts presence nodes, Redis and Kafka, lets simulated gateways hold people's sessions, harms all of it by a
seeded plan, and compares what every reader said with what the gateways did. docs/reliability.md says how.

Usage: npm run test:faults -- [flags] [word …]       only faults whose name contains one of the words

  --minutes N    how long faults are injected, default 2; settling takes up to half a minute more
  --seed S       an integer; repeats the plan of an earlier run. Default: a new one, which is printed
  --redis KIND   single, sentinel (a master, two replicas, three Sentinels) or cluster (three primaries, three replicas)
  --nodes N      presence nodes, default 2
  --users N      people, default 60
  --list         prints the faults
  --help         prints this

Exit code 0 when all promises were kept, 1 when one was not or the run ended early, 2 for a wrong command line. Every violation prints a timeline.
`;

outliveBrokenOutput(process.stdout, process.stderr);
const flags = readFlags();
if (flags.help) process.stdout.write(help);
else if (flags.list) process.stdout.write(`${flags.kinds.map(({ name }) => name).join("\n")}\n`);
else process.exitCode = await run();

async function run(): Promise<number> {
  const { seed, minutes, kinds, redis, nodes, users } = flags;
  const say = (line: string) => process.stderr.write(`${line}\n`);
  say(`seed ${seed}, ${minutes} minutes of ${kinds.length} kinds of faults`);
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  const history = await runFaults({
    ...{ seed, kinds, redis, nodes, users, say, stop: stop.signal },
    ...{ lengthMs: minutes * 60_000, timing: standardTiming },
  });
  const verdict = check(history);
  process.stdout.write(`${reportOf(history, verdict, seed)}\n`);
  if (kinds.some(({ stepsClocks }) => stepsClocks) && findFaketime() === undefined) {
    process.stdout.write("No clock was stepped: this machine has no libfaketime, and LIBFAKETIME names none.\n");
  }
  const { failure } = history;
  if (failure !== undefined)
    process.stdout.write(`The run ended early: ${failure instanceof Error ? failure.stack : failure}\n`);
  return verdict.violations.length === 0 && failure === undefined ? 0 : 1;
}

function readFlags() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        minutes: { type: "string", default: "2" },
        seed: { type: "string" },
        redis: { type: "string", default: "single" },
        nodes: { type: "string", default: "2" },
        users: { type: "string", default: "60" },
        list: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    const redis = redisKinds.find((kind) => kind === values.redis);
    if (redis === undefined) throw new Error(`--redis ${values.redis}: give one of ${redisKinds.join(", ")}`);
    const kinds = catalogue.filter(
      ({ name, of }) =>
        (of ?? redisKinds).includes(redis) &&
        (positionals.length === 0 || positionals.some((word) => name.includes(word))),
    );
    if (kinds.length === 0) throw new Error(`no fault's name contains ${positionals.join(" or ")}`);
    return {
      ...{ help: values.help, list: values.list, kinds, redis },
      minutes: numberOf("minutes", values.minutes, 0.1, 24 * 60),
      nodes: numberOf("nodes", values.nodes, 1, 8),
      users: numberOf("users", values.users, 1, 10_000),
      seed: numberOf("seed", values.seed ?? String(Math.floor(systemClock.random() * 2 ** 31)), 0, 2 ** 32 - 1),
    };
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nSee: npm run test:faults -- --help\n`);
    process.exit(2);
  }
}

function numberOf(flag: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= least && value <= most)) {
    throw new Error(`--${flag} ${text}: give a number from ${least} to ${most}`);
  }
  return value;
}
