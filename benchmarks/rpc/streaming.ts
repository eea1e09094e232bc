import type { Benchmark } from "../benchmark.ts";
import { Caller } from "./caller.ts";
import { Comparison } from "./comparison.ts";
import { manyConnections, oneAtATime, oneConnection } from "./modes.ts";
import { reportSideBySide } from "./report.ts";

/** Streams of small messages: one each turn, as changes come in, and as many as there is room for. */
export const rpcStreaming: Benchmark = {
  name: "rpc-streaming",
  about: "what a small message of a stream costs the server, on our engine and on others",
  limitSeconds: 240,
  async run(bench) {
    for (const isPaced of [true, false]) {
      const comparison = await Comparison.start(bench, { streams: { messagesPerStream: 500, isPaced } });
      for (const mode of bench.quick ? [oneConnection] : [oneConnection, oneAtATime, manyConnections]) {
        const { connections, inFlight } = mode;
        const samples = await comparison.cpuUs(bench.quick ? 2 : 5, ({ address }) => {
          const caller = new Caller(comparison.go, { address, method: "watch-presence", connections, inFlight });
          return { run: (forMs) => caller.call({ forMs }), end: () => caller.end() };
        });
        const how = isPaced ? "one a turn" : "all at once";
        bench.progress(`${mode.name}, ${how}`);
        reportSideBySide(bench, {
          what: `CPU a message of a stream, ${how}, ${mode.name}`,
          unit: "µs",
          samples,
          targets: { "grpc-js": { ratioAtMost: 0.1 } },
        });
      }
      await comparison.end();
    }
  },
};
