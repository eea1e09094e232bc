import { systemClock } from "@realchat/presence-runtime/clock";
import { runCli } from "./cli.ts";
import { readEnvironment } from "./config.ts";
import { stopSignal } from "./stop-signal.ts";
import { createTerminal } from "./terminal.ts";

// `presence watch | head -1`: the reader has what it wanted.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

// What Node thinks of the libraries is not for whoever types a command.
process.noDeprecation = true;

const environment = readEnvironment();
// https://no-color.org
const colors = process.stdout.isTTY === true && !environment.NO_COLOR;

process.exitCode = await runCli(process.argv.slice(2), {
  environment,
  terminal: createTerminal(process.stdout, process.stderr, colors),
  clock: systemClock,
  stopSignal,
});
