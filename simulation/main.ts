import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { outliveBrokenOutput, systemClock } from "@realchat/presence-runtime";
import { runCampaign } from "./campaign.ts";
import type { Outcome } from "./simulate.ts";

/** `npm run simulate`: hours of a fleet's life in virtual time, seed after seed. */

const usage = `Simulates presence, its store, Kafka, gateways and clients in virtual time while things go wrong, and holds what
everybody is told against the truth. A seed decides everything: the same seed is the same run.

Usage: npm run simulate -- [--seeds N] [--hours H] [--seed S] [--workers N]

  --seeds N     how many runs (default 100)
  --hours H     virtual hours of each (default 1)
  --seed S      the first seed; the others follow it (default: another one each time)
  --workers N   runs at once (default: one for each core)
  --help        prints this

Each promise that was broken is printed with its seed and what led to it; exit code 1.
`;

/** Violations of one run that are printed: the others mostly follow from the first. */
const shownMax = 3;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    hours: { type: "string", default: "1" },
    seed: { type: "string" },
    workers: { type: "string" },
    help: { type: "boolean" },
  },
});
outliveBrokenOutput(process.stdout, process.stderr);
if (values.help) process.stdout.write(usage);
else process.exitCode = await run();

async function run(): Promise<number> {
  const seeds = positive("seeds", values.seeds);
  const hours = positive("hours", values.hours);
  const firstSeed = Number(values.seed ?? Math.floor(systemClock.random() * 2 ** 31));
  const workers = values.workers === undefined ? availableParallelism() : positive("workers", values.workers);
  const startedMs = systemClock.monotonicMs();
  const sum = { done: 0, violations: 0, transitions: 0, wrongSeconds: new Map<string, number>() };
  const stopShowing = systemClock.every(1_000, () => {
    const seconds = Math.round((systemClock.monotonicMs() - startedMs) / 1_000);
    const { done, violations } = sum;
    process.stderr.write(
      `\r${done} of ${seeds} runs, ${violations} violations, ${seconds} s, first seed ${firstSeed}   `,
    );
  });
  await runCampaign({ ...{ firstSeed, seeds, hours, workers }, onOutcome: (outcome) => add(sum, outcome, hours) });
  stopShowing();
  process.stderr.write("\n");
  const wrong = [...sum.wrongSeconds].map(([kind, seconds]) => `${kind} ${Math.round(seconds)}`).join(", ");
  process.stdout.write(
    `${sum.done} runs of ${hours} h from seed ${firstSeed}: ${sum.violations} violations, ` +
      `${sum.transitions} transitions, wrong user-seconds within the bounds: ${wrong || "none"}\n`,
  );
  return sum.violations === 0 ? 0 : 1;
}

interface Sum {
  done: number;
  violations: number;
  transitions: number;
  readonly wrongSeconds: Map<string, number>;
}

function add(sum: Sum, outcome: Outcome, hours: number): void {
  sum.done++;
  sum.violations += outcome.violations.length;
  sum.transitions += outcome.transitions;
  for (const [kind, seconds] of outcome.wrongSeconds) {
    sum.wrongSeconds.set(kind, (sum.wrongSeconds.get(kind) ?? 0) + seconds);
  }
  if (outcome.violations.length === 0) return;
  process.stdout.write(
    `\nseed ${outcome.seed}: npm run simulate -- --seeds 1 --hours ${hours} --seed ${outcome.seed}\n`,
  );
  const shown = outcome.violations.slice(0, shownMax);
  for (const violation of shown) process.stdout.write(`${violation}\n\n`);
  const more = outcome.violations.length - shown.length;
  if (more > 0) process.stdout.write(`and ${more} more\n`);
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  process.stderr.write(`--${name} is ${text}: give a positive number\n`);
  process.exit(2);
}
