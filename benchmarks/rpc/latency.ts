import type { Benchmark } from "../benchmark.ts";
import { busyCoresDuring } from "../load/busy-cores.ts";
import { Caller } from "./caller.ts";
import { Comparison, type Samples } from "./comparison.ts";
import { grpcJs } from "./contestants.ts";
import { fewConnections } from "./modes.ts";
import { reportSideBySide } from "./report.ts";
import type { RunningServer } from "./running-server.ts";

/** Latency of a tiny call at half of the rate that saturates grpc-js; the same rate for all. */
export const rpcLatency: Benchmark = {
  name: "rpc-latency",
  about: "how long a tiny call takes at half of the rate that saturates grpc-js, on our engine and on others",
  limitSeconds: 120,
  async run(bench) {
    const comparison = await Comparison.start(bench);
    const callerOf = ({ address }: RunningServer) =>
      new Caller(comparison.go, { address, method: "refresh-session", ...fewConnections });
    const perSecond = Math.round((await saturation(comparison, callerOf)) / 2);
    const at = `at ${perSecond.toLocaleString("en")} calls/s`;
    const forMs = bench.quick ? 1_000 : 2_500;
    let outcomes: Samples<{ p50Us: number; p99Us: number }> = new Map();
    const busyCores = await busyCoresDuring(async () => {
      outcomes = await comparison.inTurns(bench.quick ? 2 : 5, callerOf, (_, caller) =>
        caller.call({ forMs, perSecond }),
      );
    });
    bench.progress(`${at}: ${busyCores.toFixed(1)} cores were busy`);
    const select = (key: "p50Us" | "p99Us"): Samples =>
      new Map([...outcomes].map(([name, ofRounds]) => [name, ofRounds.map((outcome) => outcome[key] / 1000)]));
    const targets = { "grpc-js": { ratioAtMost: 1 } };
    reportSideBySide(bench, { what: `p99 ${at}`, unit: "ms", samples: select("p99Us"), targets });
    reportSideBySide(bench, { what: `p50 ${at}`, unit: "ms", samples: select("p50Us") });
    await comparison.end();
  },
};

/** Calls a second that grpc-js answers when they are begun as fast as they are answered. */
async function saturation({ servers }: Comparison, callerOf: (server: RunningServer) => Caller): Promise<number> {
  const server = servers.find(({ contestant }) => contestant === grpcJs) as RunningServer;
  const caller = callerOf(server);
  await caller.call({ forMs: 1_500 });
  const forMs = 1_000;
  const { calls } = await caller.call({ forMs });
  await caller.end();
  return (calls / forMs) * 1000;
}
