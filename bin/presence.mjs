#!/usr/bin/env node
// Plain JavaScript, so that any Node can start it: the command line itself is TypeScript, which Node runs as it is only
// since 24. An older Node hands over to the Node 24 that `npm ci` brought along.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const main = new URL("../packages/cli/main.ts", import.meta.url);
const node24 = fileURLToPath(new URL("../node_modules/.bin/node", import.meta.url));

if (Number(process.versions.node.split(".")[0]) >= 24) {
  await import(main.href);
} else if (existsSync(node24)) {
  handOver();
} else {
  console.error(
    `presence runs on Node 24 or newer, this is ${process.versions.node}: run "npm ci" in ${fileURLToPath(new URL("..", import.meta.url))} (it brings a Node 24 along).`,
  );
  process.exitCode = 1;
}

function handOver() {
  const child = spawn(node24, [fileURLToPath(main), ...process.argv.slice(2)], { stdio: "inherit" });
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  process.on("SIGINT", () => {
    // Ctrl-C on a terminal has reached the child already, and a second one would kill it while it exits in peace.
    if (!process.stdin.isTTY) child.kill("SIGINT");
  });
  child.on("error", (error) => {
    console.error(`presence could not start ${node24}: ${error.message}`);
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => {
    if (signal === null) {
      process.exitCode = code ?? 1;
      return;
    }
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
