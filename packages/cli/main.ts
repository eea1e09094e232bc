#!/usr/bin/env node
import { outliveBrokenOutput } from "@realchat/presence-runtime/broken-output";
import { systemClock } from "@realchat/presence-runtime/clock";
import { runCli } from "./cli.ts";
import { exitCodes } from "./cli-error.ts";
import { readEnvironment } from "./config.ts";
import { StopSignal } from "./stop-signal.ts";
import { createTerminal } from "./terminal.ts";

const stop = new StopSignal();

// `presence watch | head -1`: the reader has what it wanted, or its terminal is closed.
const unread = ["EPIPE", "EIO"];
let isAnswerLost = false;
process.stdout.on("error", ({ code = "", message }: NodeJS.ErrnoException) => {
  if (!isAnswerLost && !unread.includes(code)) {
    isAnswerLost = true;
    process.stderr.write(`presence: the answer cannot be written: ${message}\n`);
  }
  // A session that is held is unregistered first; other commands have nothing to end.
  if (stop.isAwaited) stop.abort();
  else process.exit(isAnswerLost ? exitCodes.rpcFailed : exitCodes.done);
});
outliveBrokenOutput(process.stderr);

// Node's warnings about libraries are not for the person who types a command.
process.noDeprecation = true;

const environment = readEnvironment();
// https://no-color.org
const colors = process.stdout.isTTY === true && !environment.NO_COLOR;

const exitCode = await runCli(process.argv.slice(2), {
  environment,
  terminal: createTerminal(process.stdout, process.stderr, colors),
  clock: systemClock,
  stopSignal: () => stop.listen(),
});
process.exitCode = isAnswerLost ? exitCodes.rpcFailed : exitCode;
