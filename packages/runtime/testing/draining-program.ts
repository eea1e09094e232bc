// Says when it is ready, then drains on a signal; with the argument `true` its one step never ends.
import { systemClock } from "../clock.ts";
import { createLog } from "../log.ts";
import { drainOnSignal } from "../shutdown.ts";

const hangs = process.argv[2] === "true";
const log = createLog({ service: "program", instance: "1", level: "info", format: "json" });
drainOnSignal({
  log,
  clock: systemClock,
  deadlineMs: 10_000,
  steps: [{ name: "end", run: () => (hangs ? new Promise<void>(() => undefined) : undefined) }],
});
// Keeps the process alive, as a server would.
systemClock.after(20_000, () => log.error("nobody sent a signal"));
log.info("ready");
