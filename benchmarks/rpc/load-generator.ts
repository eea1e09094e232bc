import { writeFileSync } from "node:fs";
import { presence } from "@realchat/presence-proto";
import { systemClock as clock, pause } from "@realchat/presence-runtime/clock";
import { type H2load, provideH2load, runCommand, temporaryFolder } from "@realchat/presence-testing";
import type { Benchmark } from "../benchmark.ts";
import { Comparison, usPerMessage } from "./comparison.ts";
import { fewConnections, type Mode, manyConnections, oneAtATime, oneConnection } from "./modes.ts";
import { reportSideBySide } from "./report.ts";
import type { RunningServer } from "./running-server.ts";
import { definition } from "./servers/answers.ts";

/**
 * The same call over and over from a generator that costs less than any server: the least that a call can take. A real
 * client's headers differ from call to call, see rpc-unary.
 */
export const rpcH2load: Benchmark = {
  name: "rpc-h2load",
  about: "what a tiny call costs the server when it comes from h2load, in plain text and over TLS",
  limitSeconds: 300,
  async run(bench) {
    const h2load = await provideH2load(bench.progress);
    if (h2load === undefined) {
      bench.progress("h2load cannot be had (package nghttp2-client): rpc-unary and rpc-tls have a real client");
      return;
    }
    const body = writeBody();
    for (const isTls of [false, true]) {
      const comparison = await Comparison.start(bench, { isTls });
      const how = isTls ? " over TLS" : "";
      for (const mode of bench.quick ? [oneConnection] : [oneConnection, oneAtATime, fewConnections, manyConnections]) {
        // Handshakes take a server a few milliseconds each.
        const settlingMs = 300 + (isTls ? 10 * mode.connections : 0);
        const samples = await comparison.inTurns(
          3,
          (server) => ({
            run: () => generate(h2load, server, { mode, isTls, body, forMs: settlingMs + windowMs + 200 }),
            end: async () => undefined,
          }),
          async (server, { run }) => (await Promise.all([usAmidst(server, settlingMs), run()]))[0],
        );
        bench.progress(`${mode.name}${how}`);
        reportSideBySide(bench, { what: `CPU a call of h2load${how}, ${mode.name}`, unit: "µs", samples });
      }
      await comparison.end();
    }
  },
};

interface Generating {
  readonly mode: Mode;
  readonly isTls: boolean;
  /** File with the body of each request. */
  readonly body: string;
  readonly forMs: number;
}

const windowMs = 500;

/** Each round makes its own connections: the server is looked at after that, and before they go. */
async function usAmidst(server: RunningServer, settlingMs: number): Promise<number> {
  await pause(clock, settlingMs);
  const before = await server.usage();
  await pause(clock, windowMs);
  return usPerMessage(before, await server.usage());
}

async function generate(h2load: H2load, server: RunningServer, { mode, isTls, body, forMs }: Generating) {
  const headers = ["content-type: application/grpc", "te: trailers", "grpc-timeout: 10S"];
  const url = `${isTls ? "https" : "http"}://${server.address}/${definition.fullName}/RefreshSession`;
  const { ok, output } = await runCommand(
    h2load.path,
    [
      `--clients=${mode.connections}`,
      `--max-concurrent-streams=${mode.inFlight}`,
      `--duration=${forMs}ms`,
      `--data=${body}`,
      ...headers.map((header) => `--header=${header}`),
      url,
    ],
    { env: h2load.env },
  );
  if (!ok || !/ 0 failed, 0 errored/.test(output)) {
    throw new Error(`h2load on ${server.contestant.name}: ${output.slice(-1_000)}`);
  }
}

/** A RefreshSession request with its prefix of flags and length. */
function writeBody(): string {
  const session = {
    userId: "331e5d67-0f5c-4f0e-9c1b-0242ac120002",
    deviceId: "phone",
    sessionId: "1700000000000000.7",
  };
  const message = presence.RefreshSessionRequest.encode(session).finish();
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  const path = `${temporaryFolder("h2load").path}/body`;
  writeFileSync(path, Buffer.concat([prefix, message]));
  return path;
}
