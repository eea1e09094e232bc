// Says when it is ready, then drains on a signal, and logs a line every 10 ms meanwhile; with the argument `true` its one
// step never ends.
import { pause, systemClock } from "../clock.ts";
import { createLog } from "../log.ts";
import { drainOnSignal, startOrExit } from "../shutdown.ts";

await startOrExit("program", async () => {
  const hangs = process.argv[2] === "true";
  const log = createLog({ service: "program", instance: "1", level: "info", format: "json" });
  drainOnSignal({
    log,
    clock: systemClock,
    deadlineMs: 10_000,
    steps: [{ name: "end", run: () => (hangs ? new Promise<void>(() => undefined) : pause(systemClock, 50)) }],
  });
  // Keeps the process alive, as a server would.
  systemClock.every(10, () => {
    log.info("works");
    process.stderr.write("works\n");
  });
  systemClock.after(20_000, () => process.exit(9));
  log.info("ready");
  // To a parent that cannot read what it logs, once it has logged more.
  if (process.connected) systemClock.after(100, () => process.send?.("ready"));
});
