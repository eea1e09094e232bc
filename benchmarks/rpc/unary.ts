import type { Benchmark } from "../benchmark.ts";
import { Caller } from "./caller.ts";
import { Comparison } from "./comparison.ts";
import { fewConnections, type Mode, manyConnections, oneAtATime, oneConnection } from "./modes.ts";
import { reportSideBySide, type Targets } from "./report.ts";

export const rpcUnary = refreshSessions({ name: "rpc-unary", how: "" });
export const rpcTls = refreshSessions({ name: "rpc-tls", how: " over TLS", isTls: true });

/** A few bytes to a few bytes, from a real client: what the engines themselves cost. */
function refreshSessions({ name, how, isTls = false }: { name: string; how: string; isTls?: boolean }): Benchmark {
  return {
    name,
    about: `what a tiny call${how} costs the server, on our engine and on others`,
    limitSeconds: 240,
    async run(bench) {
      const comparison = await Comparison.start(bench, { isTls });
      const { go, ca } = comparison;
      const modes = bench.quick ? [oneConnection] : [oneConnection, oneAtATime, fewConnections, manyConnections];
      for (const mode of modes) {
        const { connections, inFlight } = mode;
        const samples = await comparison.cpuUs(bench.quick ? 3 : 5, ({ address }) => {
          const caller = new Caller(go, { address, ca, method: "refresh-session", connections, inFlight });
          return { run: (forMs) => caller.call({ forMs }), end: () => caller.end() };
        });
        bench.progress(`${mode.name}${how}`);
        const targets = isTls ? {} : targetsAt(mode);
        reportSideBySide(bench, { what: `CPU a call${how}, ${mode.name}`, unit: "µs", samples, targets });
      }
      await comparison.end();
    },
  };
}

function targetsAt(mode: Mode): Targets {
  switch (mode) {
    case oneConnection:
      return { "grpc-js": { atMost: 8, ratioAtMost: 0.1 }, "grpc-go": { ratioAtMost: 0.5 } };
    case oneAtATime:
      return { "grpc-js": { ratioAtMost: 0.167 } };
    case fewConnections:
      return { "grpc-js": { atMost: 8 }, "grpc-go": { ratioAtMost: 0.5 } };
    default:
      return { "grpc-js": { atMost: 8 } };
  }
}
