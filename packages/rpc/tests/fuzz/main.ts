import { parseArgs } from "node:util";
import { outliveBrokenOutput, systemClock } from "@realchat/presence-runtime";
import { runCampaign } from "./campaign.ts";

/** `npm run fuzz`: looks for frame sequences that the engine does not survive. */

const usage = `Sends mutated sequences of frames to servers in this process, until the time is up or something is found.

Usage: npm run fuzz -- [--seconds N] [--seed N] [--round N]

  --seconds N   how long (default 60)
  --seed N      repeats an earlier run (default: another one each time)
  --round N     begins with this round; with --seconds 0 it is the only one
  --help        prints this

Exit code 1 when something is found: the frames are printed as fuzz/found.ts keeps them.
`;

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string" },
    round: { type: "string", default: "0" },
    help: { type: "boolean" },
  },
});
outliveBrokenOutput(process.stdout, process.stderr);
if (values.help) process.stdout.write(usage);
else
  process.exitCode = await run(
    Number(values.seconds),
    Number(values.seed ?? Math.floor(systemClock.random() * 2 ** 31)),
    Number(values.round),
  );

async function run(seconds: number, seed: number, firstRound: number): Promise<number> {
  const endMs = systemClock.monotonicMs() + seconds * 1_000;
  const unexpected: string[] = [];
  for (const event of ["uncaughtException", "unhandledRejection"]) {
    process.on(event, (error: Error) => unexpected.push(`${event}: ${error?.stack ?? error}`));
  }
  let done = 0;
  const stopShowing = systemClock.every(1_000, () => {
    const left = Math.max(0, Math.round((endMs - systemClock.monotonicMs()) / 1_000));
    process.stderr.write(`\r${done} rounds, ${left} s left, seed ${seed}   `);
  });
  const { rounds, findings } = await runCampaign({
    ...{ seed, firstRound },
    ...(seconds === 0 && { atOnce: 1 }),
    isOver: (soFar) => {
      done = soFar;
      return unexpected.length > 0 || (soFar > 0 && systemClock.monotonicMs() >= endMs);
    },
  });
  stopShowing();
  process.stderr.write("\n");
  for (const what of unexpected) process.stdout.write(`near round ${firstRound + rounds}: ${what}\n`);
  for (const { round, what, frames } of findings) {
    process.stdout.write(`round ${round}: ${what}\n${frames.map((line) => `  ${line}\n`).join("")}`);
  }
  process.stdout.write(`${rounds} rounds with seed ${seed}: ${findings.length + unexpected.length} findings\n`);
  return findings.length + unexpected.length === 0 ? 0 : 1;
}
