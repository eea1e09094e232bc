import { systemClock as clock, drainOnSignal, type Log } from "@realchat/presence-runtime";
import { inWords, type ServiceProcess } from "./service-process.ts";

/**
 * Makes two processes live as one: a signal stops both, and when one dies the other is stopped too.
 * @param first is stopped last
 * @param options.deadlineMs most that stopping both takes
 * @returns aborts when they are about to end
 */
export function liveTogether(
  first: ServiceProcess,
  second: ServiceProcess,
  { log, deadlineMs }: { log: Log; deadlineMs: number },
): AbortSignal {
  const over = new AbortController();
  const stopWith = async (other: ServiceProcess, one: ServiceProcess) => {
    const ending = await one.ended;
    if (over.signal.aborted) return;
    over.abort();
    log.error(`${one.name} ${inWords(ending)}: stopping ${other.name} too`);
    other.kill("SIGTERM");
    await other.ended;
    process.exit(1);
  };
  void stopWith(second, first);
  void stopWith(first, second);

  drainOnSignal({
    log,
    clock,
    deadlineMs,
    steps: [second, first].map((service) => ({
      name: `stop ${service.name}`,
      async run() {
        over.abort();
        service.kill("SIGTERM");
        const ending = await service.ended;
        if (ending.code !== 0) throw new Error(`${service.name} ${inWords(ending)}`);
      },
    })),
  });
  process.once("exit", () => {
    first.kill("SIGKILL");
    second.kill("SIGKILL");
  });
  return over.signal;
}
