import type { Benchmark } from "../benchmark.ts";
import { Caller } from "./caller.ts";
import { Comparison } from "./comparison.ts";
import { fewConnections, oneConnection } from "./modes.ts";
import { reportSideBySide } from "./report.ts";

/** Messages of a few kilobytes, where their codec takes more than the engine. */
export const rpcGetPresence: Benchmark = {
  name: "rpc-get-presence",
  about: "what GetPresence of 100 users costs the server, on our engine and on others",
  limitSeconds: 120,
  async run(bench) {
    const comparison = await Comparison.start(bench);
    for (const mode of bench.quick ? [oneConnection] : [oneConnection, fewConnections]) {
      const { connections, inFlight } = mode;
      const samples = await comparison.cpuUs(bench.quick ? 2 : 5, ({ address }) => {
        const caller = new Caller(comparison.go, { address, method: "get-presence", connections, inFlight });
        return { run: (forMs) => caller.call({ forMs }), end: () => caller.end() };
      });
      bench.progress(mode.name);
      reportSideBySide(bench, { what: `CPU of GetPresence of 100 users, ${mode.name}`, unit: "µs", samples });
    }
    await comparison.end();
  },
};
